/** A method's parameters as flags, and flags as raw parameters. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { actionsOf, type Field, fieldsOf, type Method, type Raw } from '@working-papers/methods';
import { flagName } from '@working-papers/runs';
import { Command, Option } from 'commander';
import { examplesText, isFolder, jsonOption, repeated, sentenceErrors, wholeNumber } from './arguments.ts';
import { UsageError } from './problems.ts';

/** What every run takes besides its method's own parameters. */
export interface RunOptions {
  json?: boolean;
  seed?: number;
  experiment?: boolean;
  stage?: string;
  record?: boolean;
  estimate?: boolean;
  out?: string;
}

export interface ParsedRun {
  action?: string;
  parameters: Raw;
  options: RunOptions;
}

/**
 * The second stage of `papers run SLUG [ACTION] ...`: the words after the slug, read by a command made from the method.
 * Throws UsageError; shows help and throws Shown when asked for it.
 */
export async function parseRun(method: Method, words: readonly string[]): Promise<ParsedRun> {
  const actions = actionsOf(method);
  const [first] = words;
  const action = actions.length > 0 && first !== undefined && !first.startsWith('-') ? first : undefined;
  if (action !== undefined && !actions.includes(action)) {
    throw new UsageError(`"${action}" is no action of ${method.slug}; it has ${actions.join(', ')}.`);
  }
  const fields = fieldsOf(method, action);
  const command = methodCommand(method, action, fields);
  command.parse(action === undefined ? [...words] : words.slice(1), { from: 'user' });
  const { json, seed, experiment, stage, record, estimate, out, ...flags } = command.opts<
    RunOptions & Record<string, unknown>
  >();
  const parameters: Raw = {};
  for (const field of fields) {
    const value = field.name === 'seed' ? seed : flags[attributeName(field)];
    if (value !== undefined) parameters[field.name] = await ownInput(field, value);
  }
  const options = Object.fromEntries(
    Object.entries({ json, seed, experiment, stage, record, estimate, out }).filter(([, value]) => value !== undefined),
  ) as RunOptions;
  return { ...(action === undefined ? {} : { action }), parameters, options };
}

function methodCommand(method: Method, action: string | undefined, fields: readonly Field[]): Command {
  const name = action === undefined ? method.slug : `${method.slug} ${action}`;
  const path = `papers run ${name}`;
  const command = sentenceErrors(new Command(path), path).description(method.offers).allowExcessArguments(false);
  const actions = actionsOf(method);
  for (const field of fields) for (const option of flagsOf(field)) command.addOption(option);
  if (!fields.some((field) => field.name === 'seed')) {
    command.option(
      '--seed <n>',
      'the same seed gives the same run (default: a random one)',
      wholeNumber(0, 2 ** 32 - 1),
    );
  }
  command
    .option('--experiment', 'run the paper’s experiment instead')
    .option('--stage <name>', 'only this stage of the experiment')
    .option('--record', 'write the evidence into the paper’s folder')
    .option('--estimate', 'say what the run would take, and start nothing')
    .option('--out <folder>', 'copy artifacts and plots here')
    .addOption(jsonOption());
  const others = actions.filter((other) => other !== (action ?? method.defaultAction));
  return command.addHelpText(
    'after',
    [
      actions.length > 0 ? `\nActions: ${actions.join(', ')} (default: ${method.defaultAction}).` : '',
      examplesText([
        `papers run ${name}`,
        ...others.slice(0, 2).map((other) => `papers run ${method.slug} ${other} --help`),
        `papers run ${method.slug} --experiment --json`,
      ]),
    ].join('\n'),
  );
}

function flagsOf(field: Field): Option[] {
  const flag = flagName(field.name);
  const text = describe(field);
  if (field.type === 'boolean')
    return [new Option(`--${flag}`, text), new Option(`--no-${flag}`, 'the opposite').hideHelp()];
  const option = new Option(`--${flag} <${placeholder(field)}>`, text);
  return [field.type === 'array' ? option.argParser(repeated) : option];
}

/** As commander names the option: 'token-budget' becomes 'tokenBudget'. */
function attributeName(field: Field): string {
  return flagName(field.name).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function placeholder(field: Field): string {
  if (field.kind === 'model') return 'reference';
  if (field.kind === 'dataset' || field.kind === 'file') return 'file or text';
  if (field.kind === 'text') return 'text';
  return { number: 'number', integer: 'n', object: 'json' }[field.type as string] ?? field.unit ?? 'value';
}

/** "Prompts that are prefilled together. (prompts; 1 to 256; default 16)" */
function describe(field: Field): string {
  const facts = [
    field.unit,
    field.options && `one of ${field.options.join(', ')}`,
    range(field),
    field.type === 'array' ? 'may be repeated' : undefined,
    field.required ? 'required' : undefined,
    field.default === undefined ? undefined : `default ${short(field.default)}`,
  ].filter(Boolean);
  return facts.length === 0 ? field.description : `${field.description} (${facts.join('; ')})`;
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Field): string | undefined {
  const least = minimum === undefined ? exclusiveMinimum !== undefined && `above ${exclusiveMinimum}` : `${minimum}`;
  const most = maximum === undefined ? exclusiveMaximum !== undefined && `below ${exclusiveMaximum}` : `${maximum}`;
  if (least && most) return `${least} to ${most}`;
  if (least) return minimum === undefined ? least : `at least ${least}`;
  if (most) return maximum === undefined ? most : `at most ${most}`;
  return undefined;
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const line = text.split('\n', 1)[0] ?? '';
  return line.length < text.length || text.length > 60 ? `${line.slice(0, 40)}…` : text;
}

/** A reader's own file becomes its full path (the worker may stand elsewhere); "-" becomes what standard input holds. */
async function ownInput(field: Field, value: unknown): Promise<unknown> {
  if (field.kind === undefined || typeof value !== 'string') return value;
  if (value === '-' && field.kind !== 'model') return readAll(process.stdin);
  if (field.kind === 'text' || value.includes('\n')) return value;
  if (field.kind !== 'model' && isFolder(value))
    throw new UsageError(
      `"${value}" (--${flagName(field.name)}) is a folder. Give a .txt, .jsonl or .csv file, or text.`,
    );
  if (existsSync(value)) return resolve(value);
  if (field.kind !== 'model' && /\.(txt|jsonl|csv)$/i.test(value)) {
    throw new UsageError(`There is no file "${value}" (--${flagName(field.name)}). Give a file that exists, or text.`);
  }
  return value;
}
