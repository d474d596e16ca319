/** The experiment scaled to one machine: the direction on MiniLM against its baselines, then guided decoding on SmolLM2. */
import { auc, bootstrapInterval, cosine, pearson, wilson } from '@working-papers/measures';
import type { EncoderModel } from '@working-papers/models';
import type { RunContext, Stage } from '../../contract.ts';
import { coordinate, dot, meanOf, score } from './direction.ts';
import { embedActions, fit, openEncoder } from './encoder.ts';
import { generation, generationSettings } from './generation.ts';
import { misfitPlot, wordPlot } from './plots.ts';
import { afinnSum } from './toxicity.ts';
import { answers, contextPairs, questions, repositoryWords } from './words.ts';

const level = 0.95;

async function direction(context: RunContext): Promise<void> {
  const encoder = await openEncoder(generationSettings.encoder, context);
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
    caption: 'The phrases that the direction gets most wrong, of 120 that we labelled before any score was seen',
    setting: encoder.reference,
    spec: misfitPlot(
      misfits.map(({ phrase, human, score: value }) => ({
        phrase,
        score: value,
        label: human ? 'labelled fine' : 'labelled wrong',
      })),
    ),
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
    description: '40 openings written on with the filter off and at three thresholds, three seeds. About half an hour.',
    run: (context) => generation(context),
  },
];
