import type { Tensor } from '@working-papers/graph';
import type { HostTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import type { Architecture, ForwardInputName } from '../architectures/architecture.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { type BuiltEdit, editInputs, editing } from './edits.ts';
import { forwardInputs, TapRecorder } from './taps.ts';
import type { Edit, ForwardInput } from './types.ts';

/** What a whole pass needs of a model. */
export interface ForwardModel {
  runtime: Runtime;
  architecture: Architecture;
  config: ModelConfig;
  weights: WeightSource;
}

export interface ForwardProgram {
  /** Activations and outputs by name. */
  run(given: ForwardInput, edits: readonly Edit[], signal?: AbortSignal): Promise<Record<string, HostTensor>>;
  release(): void;
}

/**
 * Compiles a whole pass that answers with the activations and outputs of these names, its inputs those that `given` has. Throws
 * a sentence where the architecture needs another input, takes one not, or has no activation of a name.
 */
export async function compileForward(
  { runtime, architecture, config, weights }: ForwardModel,
  given: ForwardInput,
  names: readonly string[],
  edits: readonly Edit[],
  options: ProgramOptions = {},
): Promise<ForwardProgram> {
  if (names.length === 0) throw new Error('No activation was asked for; name at least one.');
  const inputs = inputNames(architecture, config, given);
  const tensors = forwardInputs(inputs, given.pixels?.shape);
  const { replace, built } = editing(edits);
  const recorder = new TapRecorder(names, replace);
  let outputs = architecture.forward(config, weights, tensors, {});
  // Where outputs alone are asked for, nobody needs to look on the way to them.
  if (edits.length > 0 || names.some((name) => !Object.hasOwn(outputs, name))) {
    outputs = architecture.forward(config, weights, tensors, { tap: recorder.tap });
  }
  const problem = recorder.missing([...names, ...edits.map(({ name }) => name)], Object.keys(outputs));
  if (problem) throw new Error(problem);
  // Outputs may not have an input's name.
  const asked: Record<string, Tensor> = {};
  for (const name of names) asked[`value:${name}`] = recorder.seen.get(name) ?? outputs[name]!;
  const program = await runtime.compile(asked, options);
  return {
    run: (input, values, signal) => run(program, inputs, config, input, names, built, values, signal),
    release: () => program.release(),
  };
}

function inputNames(architecture: Architecture, config: ModelConfig, given: ForwardInput): ForwardInputName[] {
  const { required, optional } = architecture.inputs(config);
  const present = (Object.keys(given) as ForwardInputName[]).filter((name) => given[name] !== undefined);
  const lacking = required.find((name) => !present.includes(name));
  if (lacking) throw new Error(`A model of type '${config.model_type}' needs ${described[lacking]}; none was given.`);
  const odd = present.find((name) => !required.includes(name) && !optional.includes(name));
  if (odd) throw new Error(`A model of type '${config.model_type}' does not take ${described[odd]}.`);
  return present;
}

const described: Record<ForwardInputName, string> = {
  ids: 'token ids',
  mask: 'a padding mask',
  positions: 'position ids',
  tokenTypes: 'token types',
  decoderIds: 'token ids for its decoder (decoderIds)',
  decoderMask: 'a padding mask for its decoder (decoderMask)',
  pixels: 'pixels',
};

async function run(
  program: Program,
  names: readonly ForwardInputName[],
  config: ModelConfig,
  given: ForwardInput,
  wanted: readonly string[],
  built: readonly BuiltEdit[],
  edits: readonly Edit[],
  signal?: AbortSignal,
): Promise<Record<string, HostTensor>> {
  const sizes = new Map<string, number>();
  const inputs: Record<string, HostTensor> = {};
  const table = (name: Exclude<ForwardInputName, 'pixels'>, below: number) => {
    const decoder = name.startsWith('decoder');
    inputs[name] = tableOf(name, given[name]!, below, sizes, decoder ? 'decoderSequence' : 'sequence');
  };
  for (const name of names) {
    if (name === 'pixels') inputs.pixels = pixelsOf(given.pixels!, program, sizes);
    else table(name, limitOf(name, config));
  }
  for (const [index, edit] of built.entries()) {
    Object.assign(inputs, editInputs({ ...edit, edit: edits[index]! }, index, sizes));
  }
  // An input that nothing asked for depends on is not part of the program.
  const needed = Object.fromEntries(program.inputs.map(({ name }) => [name, inputs[name]!]));
  const answer = await program.run(needed, signal ? { signal } : {});
  return Object.fromEntries(wanted.map((name) => [name, answer[`value:${name}`]!]));
}

function limitOf(name: ForwardInputName, config: ModelConfig): number {
  if (name === 'ids' || name === 'decoderIds') return config.vocab_size;
  if (name === 'mask' || name === 'decoderMask') return 2;
  if (name === 'tokenTypes') return config.type_vocab_size ?? 1;
  return config.max_position_embeddings ?? Number.MAX_SAFE_INTEGER;
}

function tableOf(
  name: string,
  rows: readonly (readonly number[])[],
  below: number,
  sizes: Map<string, number>,
  along: string,
): HostTensor {
  const sequence = rows[0]?.length ?? 0;
  if (rows.length === 0 || sequence === 0) throw new Error(`${name} must have at least one row of one number.`);
  for (const [dimension, size] of [
    ['rows', rows.length],
    [along, sequence],
  ] as const) {
    const known = sizes.get(dimension);
    if (known !== undefined && known !== size) {
      throw new Error(
        `${name} has ${size} ${dimension === 'rows' ? 'rows' : 'numbers a row'} and another input ${known}.`,
      );
    }
    sizes.set(dimension, size);
  }
  const data = new BigInt64Array(rows.length * sequence);
  for (const [row, line] of rows.entries()) {
    if (line.length !== sequence) {
      throw new Error(
        `Row ${row} of ${name} has ${line.length} numbers and row 0 has ${sequence}; pad them to one length.`,
      );
    }
    for (const [place, value] of line.entries()) {
      if (!Number.isInteger(value) || value < 0 || value >= below) {
        throw new Error(`${name}, row ${row}, place ${place}: ${value} is not a whole number from 0 to ${below - 1}.`);
      }
      data[row * sequence + place] = BigInt(value);
    }
  }
  return { dtype: 'int64', shape: [rows.length, sequence], data };
}

function pixelsOf(
  { shape, data }: NonNullable<ForwardInput['pixels']>,
  program: Program,
  sizes: Map<string, number>,
): HostTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  if (shape.length !== 4 || data.length !== count) {
    throw new Error(
      `Pixels are [images, channels, height, width]; got [${shape.join(', ')}] with ${data.length} numbers.`,
    );
  }
  const compiled = program.inputs
    .find(({ name }) => name === 'pixels')
    ?.shape.slice(1)
    .join(' x ');
  if (compiled !== undefined && compiled !== shape.slice(1).join(' x ')) {
    throw new Error(`The pass was built for images of ${compiled}; got ${shape.slice(1).join(' x ')}.`);
  }
  sizes.set('images', shape[0]!);
  return { dtype: 'float32', shape, data };
}
