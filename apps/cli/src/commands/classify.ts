import type { Aggregation, ClassifyOptions, EncoderModel, TextOrPair } from '@working-papers/models';
import { type Command, Option } from 'commander';
import { addCommand, jsonOption, modelReference, wholeNumber } from '../arguments.ts';
import { withEncoder } from '../open-model.ts';
import { UsageError } from '../problems.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { noteCut, textsOf } from '../texts.ts';

interface Options {
  model: string;
  text?: string[];
  file?: string;
  pair?: string[];
  top: number;
  scores?: NonNullable<ClassifyOptions['scores']>;
  aggregation?: Aggregation;
  stride?: number;
  threads?: number;
  json?: boolean;
}

export function addClassify(program: Command, terminal: Terminal): void {
  addCommand(program, 'classify', 'Labels of texts, or the entities in them, by an encoder with a head for it.', [
    'papers classify --model ./sentiment --text "What a film!" "I fell asleep."',
    'papers classify --model ./reranker --text "how do bees fly" --pair "Bees beat their wings." "Honey is sweet."',
    'papers classify --model ./names --file letters.txt --aggregation first --json',
  ])
    .requiredOption('--model <reference>', 'hf:owner/name, a folder or a file', modelReference)
    .option('--text <text...>', 'texts')
    .option('--file <file>', 'texts from a file, one a line; "-" for standard input')
    .option('--pair <text...>', 'second texts, for models that read two: one each, or several for one text')
    .option('--top <k>', 'how many labels a text', wholeNumber(1, 1_000_000), 5)
    .addOption(
      new Option('--scores <kind>', "what is made of logits (default: what the model's problem_type says)").choices([
        'softmax',
        'sigmoid',
        'logits',
      ]),
    )
    .addOption(
      new Option('--aggregation <how>', 'how tokens become entities (default: simple)').choices([
        'none',
        'simple',
        'first',
        'average',
        'max',
      ]),
    )
    .option('--stride <n>', 'find entities of long texts in windows that overlap by so many tokens', wholeNumber(0))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const texts = await textsOf(options.text ?? [], options.file, { purpose: 'classify', give: '--text TEXT...' });
      const pairs = options.pair ? pairsOf(texts, options.pair) : undefined;
      const work = async (model: EncoderModel) => {
        if (model.head === 'token-classification') {
          checkFlags(options, ['pair', 'scores'], 'finds entities in texts');
          await findEntities(terminal, model, texts, options);
        } else {
          checkFlags(options, ['aggregation', 'stride'], 'labels whole texts');
          await label(terminal, model, pairs ?? texts, options);
        }
      };
      const needed = 'an encoder with a head that classifies, as fine-tuned ones have';
      await withEncoder(terminal, options.model, { threads: options.threads }, work, needed);
    });
}

/** Every text with its second one: as many of both, or one that goes with all of the other. */
function pairsOf(texts: readonly string[], pairs: readonly string[]): [string, string][] {
  if (pairs.length === texts.length) return texts.map((text, index) => [text, pairs[index]!]);
  if (texts.length === 1) return pairs.map((pair) => [texts[0]!, pair]);
  if (pairs.length === 1) return texts.map((text) => [text, pairs[0]!]);
  throw new UsageError(
    `There are ${texts.length} texts and ${pairs.length} second ones (--pair). Give as many, or one of either.`,
  );
}

function checkFlags(options: Options, names: readonly (keyof Options)[], does: string): void {
  const odd = names.find((name) => options[name] !== undefined);
  if (odd) throw new UsageError(`The model ${does}: --${odd} does not go with it. See "papers classify --help".`);
}

/** Shows how far a pass has come. */
const watched = (terminal: Terminal) => ({
  signal: terminal.signal,
  onProgress: ({ done, total }: { done: number; total: number }) =>
    terminal.progress({ done, total, message: 'Classifying' }),
});

async function label(
  terminal: Terminal,
  model: EncoderModel,
  texts: readonly TextOrPair[],
  { top, scores, json }: Options,
): Promise<void> {
  noteCut(terminal, model, texts);
  const answers = await model.classify(texts, { topK: top, ...(scores ? { scores } : {}), ...watched(terminal) });
  terminal.endProgress();
  const named = texts.map((given, index) => {
    const [text, pair] = typeof given === 'string' ? [given] : given;
    return { text: text!, ...(pair === undefined ? {} : { pair }), labels: answers[index]! };
  });
  if (json) {
    terminal.json({ texts: named, head: model.head, model: model.reference });
    return;
  }
  const paired = named.some(({ pair }) => pair !== undefined);
  const rows = named.flatMap(({ text, pair, labels }) =>
    labels.map((found) => [text, ...(paired ? [pair ?? ''] : []), found.label, found.score.toFixed(4)]),
  );
  const columns = [
    { name: 'text' },
    ...(paired ? [{ name: 'pair' }] : []),
    { name: 'label' },
    { name: 'score', right: true },
  ];
  for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
}

async function findEntities(
  terminal: Terminal,
  model: EncoderModel,
  texts: readonly string[],
  { aggregation, stride, json }: Options,
): Promise<void> {
  if (stride === undefined) noteCut(terminal, model, texts);
  const answers = await model.classifyTokens(texts, {
    ...(aggregation ? { aggregation } : {}),
    ...(stride === undefined ? {} : { stride }),
    ...watched(terminal),
  });
  terminal.endProgress();
  if (json) {
    const named = texts.map((text, index) => ({ text, entities: answers[index]! }));
    terminal.json({ texts: named, head: model.head, model: model.reference });
    return;
  }
  const rows = answers.flatMap((entities, index) =>
    entities.map(({ text, label, start, end, score }) => [
      String(index + 1),
      text,
      label,
      `${start}-${end}`,
      score.toFixed(4),
    ]),
  );
  const columns = [
    { name: 'text', right: true },
    { name: 'entity' },
    { name: 'label' },
    { name: 'place', right: true },
    { name: 'score', right: true },
  ];
  for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
}
