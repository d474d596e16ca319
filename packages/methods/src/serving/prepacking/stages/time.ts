/** Seconds of every strategy on three piles, and how padding grows with the spread of lengths. */
import { bootstrapInterval, spearman } from '@working-papers/measures';
import type { DecoderModel } from '@working-papers/models';
import type { RunContext } from '../../../contract.ts';
import { type Measured, measure, spread } from '../measure.ts';
import { planPadded } from '../packing.ts';
import {
  abstracts,
  batching,
  drawPile,
  idsOf,
  mixture,
  openDecoder,
  pileSize,
  piles,
  seeds,
  sentences,
  titles,
} from '../piles.ts';
import { packingPlot, speedPlot, strategyTable } from '../plots.ts';

export async function time(context: RunContext): Promise<void> {
  const model = await openDecoder(context);
  const results: { pile: string; measured: Measured[]; firstToken: { value: number; low: number; high: number } }[] =
    [];
  for (const pile of piles) {
    let combined: Measured[] | undefined;
    const firstToken: number[] = [];
    for (const seed of seeds) {
      const prompts = drawPile(pile, model, context, seed);
      const measured = await measure(
        model,
        prompts.map((ids) => ids.slice(0, -1)),
        {
          ...batching,
          rounds: 1,
          // The shapes are alike from seed to seed; the first has paid for them.
          warmUp: seed === seeds[0],
          attention: 'auto',
          strategies: ['padded', 'sorted', 'alone', 'prepack', 'dataset'],
          label: `${pile}, seed ${seed}`,
          prompts,
        },
        context,
      );
      const of = (strategy: string) => measured.find((entry) => entry.strategy === strategy)!;
      firstToken.push(of('padded').firstTokenSeconds[0]! / of('prepack').firstTokenSeconds[0]!);
      combined = combined
        ? combined.map((entry, i) => ({ ...entry, seconds: [...entry.seconds, ...measured[i]!.seconds] }))
        : measured;
    }
    results.push({ pile, measured: combined!, firstToken: spread(firstToken) });
    context.emit({
      type: 'table',
      name: `time-${results.length}`,
      caption: `Seconds to prefill: ${pile}, ${seeds.length} seeds`,
      ...strategyTable(combined!),
    });
  }
  context.emit({
    type: 'plot',
    name: 'speed',
    caption: 'Measured against predicted speed-up over padding',
    setting: `${model.reference}, fp32, batches of ${batching.batch}`,
    spec: speedPlot(results),
  });
  context.emit({
    type: 'plot',
    name: 'packing',
    caption: 'The largest batch of the long-tailed pile: prompts and padding',
    setting: `${model.reference}, batches of ${batching.batch}`,
    spec: packingPlot(results[2]!.measured),
  });
  const attention = results[0]!.measured
    .map(({ strategy }) => {
      const used = results.flatMap(({ measured }) => measured.filter((entry) => entry.strategy === strategy));
      return `${strategy} ${[...new Set(used.map((entry) => entry.attention))].join(' or ')}`;
    })
    .join(', ');
  const setting = `${model.reference} (fp32), batches of ${batching.batch}, ${pileSize} prompts a pile, ${seeds.length} seeds; the interval is the range over the seeds; every strategy with the attention that is expected to be faster for it (${attention}), in turn`;
  const over = (at: number, strategy: string) => {
    const { measured } = results[at]!;
    const base = measured.find((entry) => entry.strategy === strategy)!;
    const ours = measured.find((entry) => entry.strategy === 'prepack')!;
    return {
      ...spread(base.seconds.map((seconds, i) => seconds / ours.seconds[i]!)),
      unit: 'x',
      model: model.reference,
    };
  };
  const evidence = (claim: string, values: Parameters<typeof emitEvidence>[2], where = setting) =>
    emitEvidence(context, claim, values, where);
  evidence(
    'PRE-1',
    { correlation: wasteCorrelation(model, context) },
    'spread of lengths (standard deviation over mean) against padding share, 120 batches of 16 drawn from titles, sentences and abstracts of the founding page; 95 % bootstrap interval',
  );
  evidence('PRE-2', { titlesAndAbstracts: over(0, 'padded'), sentencesAbstractsTitles: over(1, 'padded') });
  evidence(
    'PRE-5',
    { overPadded: over(2, 'padded'), overSorted: over(2, 'sorted') },
    `${setting}; long-tailed lengths (log-normal, sigma 1, 16 to 1,024 tokens) in place of MMLU`,
  );
  const best = results.reduce((a, b) => (b.firstToken.value > a.firstToken.value ? b : a));
  evidence(
    'PRE-8',
    { best: { ...best.firstToken, unit: 'x', model: model.reference } },
    `${setting}; prefill, unpacking and one step; best of three piles: ${best.pile}`,
  );
}

function emitEvidence(
  context: RunContext,
  claim: string,
  values: Record<string, { value: number; low?: number; high?: number; unit: string; model?: string }>,
  setting: string,
): void {
  context.emit({ type: 'evidence', claim, stage: 'time', values, setting, seeds });
}

/** Rank correlation over random batches of how far lengths spread and how much of a padded batch is padding. */
function wasteCorrelation(model: DecoderModel, context: RunContext) {
  const random = context.random.fork('batches');
  const pools = [titles(), sentences(), abstracts(), mixture(random, 51)].map((texts) =>
    idsOf(model, texts).map((ids) => ids.length),
  );
  const points = Array.from({ length: 120 }, (_, i) => {
    const lengths = random.shuffle(pools[i % pools.length]!).slice(0, batching.batch);
    const plan = planPadded(lengths);
    const mean = lengths.reduce((sum, n) => sum + n, 0) / lengths.length;
    const deviation = Math.sqrt(lengths.reduce((sum, n) => sum + (n - mean) ** 2, 0) / lengths.length);
    return { spread: deviation / mean, waste: 1 - plan.fill };
  });
  const statistic = (sample: readonly { spread: number; waste: number }[]) =>
    spearman(
      sample.map((p) => p.spread),
      sample.map((p) => p.waste),
    );
  const { low, high } = bootstrapInterval(points, statistic, { seed: context.seed, samples: 1000, level: 0.95 });
  return { value: statistic(points), low, high, unit: 'rank correlation' };
}
