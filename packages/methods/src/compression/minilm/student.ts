/** The student: its shape, its parameters, what it begins with. */
import {
  architectureOf,
  heldTensor,
  type ModelConfig,
  shapesOf,
  type WeightSource,
  type WeightTensor,
} from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import { newModel } from '@working-papers/training';

/** Types of encoders that students are made of. */
const encoderTypes: readonly string[] = ['bert', 'roberta', 'xlm-roberta', 'mpnet'];

/** A model as graphs read it. */
export interface Side {
  config: ModelConfig;
  weights: WeightSource;
}

/** A model of our own in memory: Hugging Face's names, float32 values. */
export interface Student {
  config: ModelConfig;
  tensors: ReadonlyMap<string, WeightTensor>;
}

export interface StudentShape {
  /** M of the paper. */
  layers: number;
  /** d' of the paper. */
  hidden: number;
  /** A of the paper. Default: the teacher's. */
  heads?: number | undefined;
}

/** How a shape is written: 3x384. */
export const shapeName = ({ layers, hidden }: StudentShape): string => `${layers}x${hidden}`;

/** `6x192` as a shape; throws a sentence for anything else. */
export function parseShape(text: string): StudentShape {
  const found = /^(\d{1,4})x(\d{1,5})$/.exec(text.trim());
  if (!found) throw new Error(`"${text}" is no shape. Write layers x width, such as 6x192.`);
  return { layers: Number(found[1]), hidden: Number(found[2]) };
}

/** Whether the configuration is of a decoder: then attention is causal, and what is here is an extension of the paper. */
export const isCausal = (config: ModelConfig): boolean => architectureOf(config).kind === 'decoder';

/** Throws a sentence for a teacher that has no student here. */
export function checkTeacher(config: ModelConfig, reference: string): void {
  const { kind } = architectureOf(config);
  const type = config.model_type;
  if (kind === 'encoder' && encoderTypes.includes(type)) return;
  if (kind === 'decoder' && type === 'llama') return;
  throw new Error(
    `${reference} is of type '${type}', and students are made of ${encoderTypes.join(', ')}${kind === 'decoder' ? ' or llama' : ''} models alone. Give a teacher of one of these.`,
  );
}

/**
 * The configuration of a student of a teacher: its type, vocabulary, positions and heads, fewer layers, another width, the MLP in the
 * teacher's proportion. Throws a sentence where the relations of the two could not be compared.
 */
export function studentConfig(
  teacher: ModelConfig,
  { layers, hidden, heads = teacher.num_attention_heads }: StudentShape,
  relationHeads?: number,
): ModelConfig {
  const wanted = teacher.num_attention_heads;
  if (heads !== wanted && relationHeads === undefined)
    throw new Error(
      `The student would have ${heads} heads and the teacher has ${wanted}; head by head they cannot be compared. Leave the heads out, or set relationHeads, which cuts both models into so many relation heads instead.`,
    );
  // Rotary embedding turns pairs of features.
  const unit = isCausal(teacher) ? 2 * heads : heads;
  checkMultiple(
    'hidden',
    hidden,
    unit,
    isCausal(teacher) ? `twice its heads` : heads === wanted ? 'teacher heads' : 'heads',
  );
  if (relationHeads !== undefined) {
    if (isCausal(teacher))
      throw new Error('relationHeads cuts encoders into relation heads; leave it out for a decoder.');
    checkMultiple('hidden', hidden, relationHeads, 'relationHeads');
    if (teacher.hidden_size % relationHeads !== 0)
      throw new Error(
        `The teacher's width of ${teacher.hidden_size} cannot be cut into ${relationHeads} relation heads. Choose a divisor of it.`,
      );
  }
  const {
    head_dim: _,
    id2label: _labels,
    label2id: _ids,
    _name_or_path: _path,
    ...kept
  } = teacher as ModelConfig & Record<string, unknown>;
  return {
    ...kept,
    ...baseClass(teacher),
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    intermediate_size: Math.round((teacher.intermediate_size / teacher.hidden_size) * hidden),
    ...(isCausal(teacher) ? { head_dim: hidden / heads } : {}),
  } as ModelConfig;
}

/** transformers' class of the model without a head of its own, by that of the teacher, where it is named. */
function baseClass(teacher: ModelConfig): Pick<ModelConfig, 'architectures'> {
  if (isCausal(teacher)) return { architectures: ['LlamaForCausalLM'] };
  const named = teacher.architectures?.[0];
  return named === undefined ? {} : { architectures: [named.replace(/(For\w+|Model)$/, 'Model')] };
}

function checkMultiple(name: string, value: number, unit: number, what: string): void {
  if (value % unit === 0 && value > 0) return;
  const below = Math.floor(value / unit) * unit;
  const nearest = below > 0 ? `${below}, ${below + unit}` : String(unit);
  throw new Error(`${name} must be a multiple of ${unit} (${what}); got ${value}. Nearest: ${nearest}.`);
}

/** Parameters of a configuration: of its layers alone, as the paper counts them, of the table of tokens, and of everything. */
export function countParameters(config: ModelConfig): { transformer: number; embeddings: number; all: number } {
  const counts = { transformer: 0, embeddings: 0, all: 0 };
  for (const [name, shape] of shapesOf(config)) {
    const count = shape.reduce((product, size) => product * size, 1);
    counts.all += count;
    if (/(^|\.)layers?\.\d+\./.test(name)) counts.transformer += count;
    if (/(word_embeddings|embed_tokens)\.weight$/.test(name)) counts.embeddings += count;
  }
  return counts;
}

/** Values of a weight as the checkpoint has them. */
export type Values = ReadonlyMap<string, Float32Array>;

/**
 * Matrices and tables from N(0, 0.02) (or the teacher's `initializer_range`), norms at 1, biases at 0: where the paper's students begin, as
 * far as is known. The same for one seed.
 */
export function randomWeights(config: ModelConfig, seed: number): Map<string, Float32Array> {
  const { tensors } = newModel({ config, reference: 'the student' }, seed);
  return new Map([...tensors].map(([name, tensor]) => [name, valuesOf(tensor)]));
}

/** Layers of a teacher of L that a student of M takes: every (L / M)-th, the last one among them. Counted from 0. */
export const takenLayers = (teacherLayers: number, layers: number): number[] =>
  Array.from({ length: layers }, (_, layer) => Math.floor(((layer + 1) * teacherLayers) / layers) - 1);

/**
 * The teacher's own weights in the student's names, layer `taken[m]` as the student's layer m; what the student has and the teacher lacks
 * is as {@link randomWeights} has it. Throws a sentence where the widths differ.
 */
export async function layerWeights(
  teacher: Side,
  config: ModelConfig,
  { runtime, seed, taken }: { runtime: Runtime; seed: number; taken: readonly number[] },
): Promise<Map<string, Float32Array>> {
  if (teacher.config.hidden_size !== config.hidden_size)
    throw new Error(
      `Layers can be copied between models of one width; the teacher's is ${teacher.config.hidden_size}, the student's ${config.hidden_size}. Choose init random, or hidden ${teacher.config.hidden_size}.`,
    );
  const weights = randomWeights(config, seed);
  const tensors: Record<string, ReturnType<WeightSource['get']>> = {};
  for (const name of weights.keys()) {
    const own = teacherName(teacher.weights, name, taken);
    if (own) tensors[name] = teacher.weights.get(own, shapesOf(config).get(name));
  }
  for (const [name, values] of await readWeights(runtime, tensors)) weights.set(name, values);
  return weights;
}

/** What the teacher calls the student's weight, with whatever its base model's names begin with. */
function teacherName(weights: Pick<WeightSource, 'has'>, name: string, taken: readonly number[]): string | undefined {
  const moved = name.replace(
    /(^|\.)(layers?)\.(\d+)\./,
    (_, dot, word, layer) => `${dot}${word}.${taken[Number(layer)]}.`,
  );
  const legacy = moved.replace(/(LayerNorm)\.weight$/, '$1.gamma').replace(/(LayerNorm)\.bias$/, '$1.beta');
  return ['', 'bert.', 'roberta.', 'mpnet.']
    .flatMap((base) => [`${base}${moved}`, `${base}${legacy}`])
    .find((candidate) => weights.has(candidate));
}

/** The values of weights, read through a program that only hands them on. */
export async function readWeights(
  runtime: Runtime,
  tensors: Readonly<Record<string, ReturnType<WeightSource['get']>>>,
): Promise<Map<string, Float32Array>> {
  const names = Object.keys(tensors);
  if (names.length === 0) return new Map();
  // An output may not be called as the weight that it is.
  const outputs = Object.fromEntries(names.map((name, index) => [`read.${index}`, tensors[name]!]));
  const program = await runtime.compile(outputs, { label: 'weights', optimisation: 'none' });
  try {
    const read = await program.run({});
    return new Map(names.map((name, index) => [name, Float32Array.from(read[`read.${index}`]!.data as Float32Array)]));
  } finally {
    program.release();
  }
}

/** A student of these weights. */
export function studentOf(config: ModelConfig, values: Values): Student {
  const tensors = new Map<string, WeightTensor>();
  for (const [name, shape] of shapesOf(config)) {
    const own = values.get(name);
    if (!own) throw new Error(`The student has no values for its weight '${name}'.`);
    tensors.set(name, heldTensor(name, shape, own));
  }
  return { config, tensors };
}

/** The values of a tensor in memory, not copied. */
export function valuesOf(tensor: WeightTensor): Float32Array {
  const { buffer, byteOffset, byteLength } = tensor.bytesSync();
  return new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4);
}
