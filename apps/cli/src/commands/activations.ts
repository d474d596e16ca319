import { dirname, resolve } from 'node:path';
import type { ForwardInput, Model, Weights } from '@working-papers/models';
import type { Command } from 'commander';
import {
  addCommand,
  isFolder,
  jsonOption,
  modelReference,
  repeated,
  weightsOption,
  wholeNumber,
} from '../arguments.ts';
import { pixelsOf } from '../images.ts';
import { promptTokens, withModel } from '../open-model.ts';
import { CommandError, UsageError } from '../problems.ts';
import { defaultDecoder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { editsOf, tokenTable } from '../token-tables.ts';

interface Options {
  model: string;
  prompt?: string;
  raw?: boolean;
  tokens?: string;
  mask?: string;
  decoderTokens?: string;
  image?: string[];
  pixels?: string;
  names?: string;
  edit?: string[];
  list?: boolean;
  out?: string;
  weights?: Weights;
  threads?: number;
  json?: boolean;
}

export function addActivations(program: Command, terminal: Terminal): void {
  addCommand(program, 'activations', 'Look into a model: any activation of one pass, by its name.', [
    'papers activations --list',
    'papers activations --prompt "The capital of France is" --raw --names blocks.3.residual,logits --out france.safetensors',
    'papers activations --model ./my-model --tokens "1,2,3;4,5,0" --mask "1,1,1;1,1,0" --names blocks.0.attention.probabilities',
    'papers activations --tokens 1,2,3 --names logits --edit "blocks.3.attention.output*=0"',
  ])
    .option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder)
    .option('--prompt <text>', 'a text, through the chat template where the model has one')
    .option('--raw', 'the text as it is, without the chat template')
    .option('--tokens <ids>', 'token ids "1,2,3", rows parted by ";"; needs no tokenizer')
    .option('--mask <bits>', 'which of the tokens are text (1) and which padding (0), as the tokens')
    .option('--decoder-tokens <ids>', 'token ids for the decoder of a model that reads one text and writes another')
    .option('--image <file...>', 'images, prepared as the model expects')
    .option('--pixels <file>', 'a .npy file of prepared pixels, [images, channels, height, width]')
    .option('--names <names>', 'activations, parted by commas; "blocks.*.residual" is that of every block')
    .option('--list', 'list every activation of the model with its shape, and run nothing')
    .option(
      '--edit <change>',
      'change an activation first: "NAME=0", "NAME+=1", "NAME*=0.5", with "@0,3" at places 0 and 3 only; may be repeated',
      repeated,
    )
    .option('--out <file>', 'write the activations to a safetensors file')
    .addOption(weightsOption('fp32').default('fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action((options: Options) => activations(options, terminal));
}

async function activations(options: Options, terminal: Terminal): Promise<void> {
  const count = (values: unknown[]) => values.filter((value) => value !== undefined).length;
  const [texts, images] = [count([options.prompt, options.tokens]), count([options.image, options.pixels])];
  if (!options.list && (texts > 1 || images > 1 || texts + images === 0)) {
    throw new UsageError(
      'Give one text, --prompt TEXT or --tokens 1,2,3, or images, --image FILE... or --pixels FILE.npy. See "papers activations --help".',
    );
  }
  if (!options.list && options.names === undefined) {
    throw new UsageError('Name activations with --names, or list them with --list. See "papers activations --help".');
  }
  if (options.out !== undefined && isFolder(options.out)) {
    throw new UsageError(`"${options.out}" (--out) is a folder. Give a file.`);
  }
  const edits = editsOf(options.edit ?? []);
  const tables = tablesOf(options);
  const { weights, threads } = options;
  await withModel(terminal, options.model, { weights, threads }, async (model) => {
    if (options.list) return list(model, options, terminal);
    const names = expandNames(model, options.names!);
    const answer = await model.activations(await inputOf(model, options, tables), names, {
      edits,
      signal: terminal.signal,
    });
    const tensors = names.map((name) => ({
      name,
      shape: answer[name]!.shape,
      values: answer[name]!.data as Float32Array,
    }));
    if (options.out !== undefined) await writeTensors(resolve(options.out), model, tensors);
    const rows = tensors.map((tensor) => ({ name: tensor.name, shape: tensor.shape, ...summary(tensor.values) }));
    if (options.json) {
      terminal.json({ model: model.reference, weights: model.weights, out: options.out, activations: rows });
      return;
    }
    const columns = [
      { name: 'activation' },
      { name: 'shape' },
      ...(['mean', 'deviation', 'least', 'largest'] as const).map((name) => ({ name, right: true })),
    ];
    const lines = rows.map(({ name, shape, mean, deviation, least, largest }) => [
      name,
      `[${shape.join(', ')}]`,
      ...[mean, deviation, least, largest].map((value) => value.toPrecision(4)),
    ]);
    for (const line of tableLines(columns, lines, terminal.width)) terminal.print(line);
    if (options.out !== undefined) terminal.note(`Written to ${options.out}.`);
  });
}

function list(model: Model, options: Options, terminal: Terminal): void {
  const taps = model.taps();
  if (options.json) {
    terminal.json({ model: model.reference, taps });
    return;
  }
  const rows = taps.map(({ name, shape }) => [name, `[${shape.join(', ')}]`]);
  for (const line of tableLines([{ name: 'activation' }, { name: 'shape' }], rows, terminal.width))
    terminal.print(line);
}

/** What is typed as numbers; checked before a model is opened. */
function tablesOf({ tokens, mask, decoderTokens }: Options): ForwardInput {
  return {
    ...(tokens === undefined ? {} : { ids: tokenTable(tokens, '--tokens') }),
    ...(mask === undefined ? {} : { mask: tokenTable(mask, '--mask') }),
    ...(decoderTokens === undefined ? {} : { decoderIds: tokenTable(decoderTokens, '--decoder-tokens') }),
  };
}

async function inputOf(model: Model, options: Options, tables: ForwardInput): Promise<ForwardInput> {
  const input = { ...tables, ...(await pixelsFor(model, options)) };
  if (options.prompt === undefined) return input;
  const ids =
    model.kind === 'decoder'
      ? promptTokens(model, options.prompt, options.raw ?? false)
      : model.tokenizer.encode(options.prompt).ids;
  return { ...input, ids: [ids] };
}

/** Images as the model's preprocessor makes them, or pixels as they are. */
async function pixelsFor(model: Model, { image, pixels }: Options): Promise<Pick<ForwardInput, 'pixels'>> {
  if (pixels !== undefined) {
    const { readPixels } = await import('@working-papers/models/node');
    return { pixels: await readPixels(pixels) };
  }
  if (image === undefined) return {};
  if (!('preparePixels' in model)) {
    throw new CommandError(
      `${model.reference} does not look at images (--image); it is a model of type '${model.config.model_type}'.`,
    );
  }
  return { pixels: await pixelsOf(model, { image }) };
}

/** Names as they are, and those with a star as the model's own that fit it. */
function expandNames(model: Model, given: string): string[] {
  const names = given.split(',').map((name) => name.trim());
  return [...new Set(names)].flatMap((name) => {
    if (!name.includes('*')) return [name];
    const pattern = new RegExp(`^${name.split('*').map(escaped).join('[^.]+')}$`);
    const fitting = model.taps().filter((tap) => pattern.test(tap.name));
    if (fitting.length === 0)
      throw new CommandError(`No activation of this model is named like "${name}"; see --list.`);
    return fitting.map((tap) => tap.name);
  });
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function summary(values: Float32Array): { mean: number; deviation: number; least: number; largest: number } {
  let [sum, squares, least, largest] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    sum += value;
    squares += value * value;
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / values.length - mean * mean)), least, largest };
}

async function writeTensors(
  path: string,
  model: Model,
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[],
): Promise<void> {
  const parts = tensors.map(({ name, shape, values }) => ({
    name,
    type: 'F32' as const,
    shape,
    bytes: async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  }));
  try {
    const { safetensorsFile } = await import('@working-papers/models');
    const { writeWhole } = await import('@working-papers/models/node');
    await writeWhole(path, safetensorsFile(parts, { model: model.reference, weights: model.weights }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(
      code === 'ENOENT'
        ? `There is no folder "${dirname(path)}" (--out). Make it first.`
        : `"${path}" (--out) cannot be written: ${(error as Error).message}.`,
    );
  }
}
