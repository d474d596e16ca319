/**
 * `ctx-tiny`: a Llama of 1.8 million parameters over bytes that never sees more than 256 of them and can say what it was told. It learns by a
 * curriculum of length and task; recall does not come from long texts at once.
 */
import { argMax, input, slice, type Tensor } from '@working-papers/graph';
import {
  architectureOf,
  checkConfig,
  denseAttention,
  llamaShapes,
  type ModelConfig,
  seededUniform,
  type WeightSource,
} from '@working-papers/models';
import type { BatchSource } from '../loop/train.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import * as schedules from '../optimisers/schedules.ts';
import { chain, type Transformation } from '../optimisers/transformation.ts';
import { keyValueText, passkeyText, proseText, repeatsText, type WeightedText } from './recall-tasks.ts';

/** After the bytes. None of them stands in what the model learns from. */
export const specials = ['<|end|>', '<|pad|>', '<|one|>', '<|two|>'] as const;
const vocabulary = 256 + specials.length;

export const ctxTinyConfig: ModelConfig = checkConfig(
  {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: vocabulary,
    hidden_size: 192,
    intermediate_size: 512,
    num_hidden_layers: 4,
    num_attention_heads: 6,
    num_key_value_heads: 6,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    hidden_act: 'silu',
  },
  'ctx-tiny',
);

type Task = (random: () => number, book: Uint8Array, length: number) => WeightedText;

/** Until which step, how many rows of how many bytes, and the share of each task. */
export interface Phase {
  until: number;
  rows: number;
  length: number;
  tasks: readonly (readonly [task: Task, share: number])[];
}

/** The curriculum, for so many steps in all. */
export const curriculum = (steps: number): Phase[] => [
  {
    until: Math.min(600, steps),
    rows: 64,
    length: 64,
    tasks: [
      [repeatsText, 0.5],
      [keyValueText, 0.3],
      [proseText, 0.2],
    ],
  },
  {
    until: Math.min(1100, steps),
    rows: 32,
    length: 128,
    tasks: [
      [repeatsText, 0.2],
      [keyValueText, 0.3],
      [passkeyText, 0.3],
      [proseText, 0.2],
    ],
  },
  {
    until: steps,
    rows: 32,
    length: 256,
    tasks: [
      [repeatsText, 0.1],
      [keyValueText, 0.2],
      [passkeyText, 0.3],
      [proseText, 0.4],
    ],
  },
];

/** AdamW (0.9, 0.95), decay 0.1 on matrices, clipped at 1; 100 steps up to 2e-3, then one cosine down to a tenth. */
export function ctxTinyOptimiser(steps: number): Transformation {
  const warm = Math.min(100, steps - 1);
  const cosine = schedules.cosine({ from: 2e-3, to: 2e-4, steps: steps - warm });
  return chain(
    clipByGlobalNorm({ maxNorm: 1 }),
    adamW({
      rate: warm > 0 ? schedules.warmUp(warm, cosine) : cosine,
      b1: 0.9,
      b2: 0.95,
      weightDecay: 0.1,
      decayed: ({ shape }) => shape.length > 1,
    }),
  );
}

/** Normal with deviation 0.02, what writes the stream over the root of twice the layers; norms are 1. */
export function ctxTinyInitial(seed: number): Map<string, Float32Array> {
  const uniform = seededUniform(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const layers = ctxTinyConfig.num_hidden_layers;
  return new Map(
    [...llamaShapes(ctxTinyConfig)].map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      if (shape.length === 1) return [name, new Float32Array(count).fill(1)];
      const deviation = /(o_proj|down_proj)/.test(name) ? 0.02 / Math.sqrt(2 * layers) : 0.02;
      return [name, Float32Array.from({ length: count }, () => deviation * normal())];
    }),
  );
}

/** Batches of the curriculum; each is made from the seed and its number alone, so any place can be gone on from. */
export function ctxTinyBatches(
  book: Uint8Array,
  { seed, steps, from = 0 }: { seed: number; steps: number; from?: number },
): BatchSource {
  const phases = curriculum(steps);
  let number = from;
  return {
    async next() {
      const phase = phases.find(({ until }) => number < until);
      if (!phase) return undefined;
      const random = seededUniform(seed * 1_000_003 + number);
      number += 1;
      const { rows, length, tasks } = phase;
      const ids = new BigInt64Array(rows * length);
      const weights = new Float32Array(rows * length);
      for (let row = 0; row < rows; row++) {
        const made = taskOf(tasks, random())(random, book, length);
        ids.set(BigInt64Array.from(made.bytes, BigInt), row * length);
        weights.set(made.weights, row * length);
      }
      const shape = [rows, length];
      return { ids: { dtype: 'int64', shape, data: ids }, weights: { dtype: 'float32', shape, data: weights } };
    },
    position: () => number,
  };
}

function taskOf(tasks: Phase['tasks'], drawn: number): Task {
  let below = 0;
  for (const [task, share] of tasks) {
    below += share;
    if (drawn < below) return task;
  }
  return tasks.at(-1)![0];
}

/** The model over a batch: logits, the loss by the weights of the bytes, and the likeliest next bytes `[rows, length]`. */
export function ctxTinyGraph(weights: WeightSource): { loss: Tensor; next: Tensor } {
  const ids = input('ids', 'int64', ['rows', 'length']);
  const { logits } = architectureOf(ctxTinyConfig).forward(
    ctxTinyConfig,
    weights,
    { ids },
    { parts: { attention: denseAttention } },
  );
  const counts = slice(input('weights', 'float32', ['rows', 'length']), 1, 1);
  const loss = crossEntropy(slice(logits!, 1, 0, -1), slice(ids, 1, 1), { weights: counts });
  return { loss, next: argMax(logits!, -1) };
}

/** The gate: texts with a passkey at so many depths of an unseen book. */
export const gateTexts = (
  book: Uint8Array,
  { seed, length, count = 100 }: { seed: number; length: number; count?: number },
): WeightedText[] => {
  const random = seededUniform(seed);
  return Array.from({ length: count }, (_, i) => passkeyText(random, book, length, i / Math.max(1, count - 1)));
};

/** Whether all digits that count are the likeliest, given those before: what greedy decoding says then. */
export const answersRight = ({ bytes, weights }: WeightedText, next: ArrayLike<bigint>): boolean =>
  weights.every((weight, i) => weight !== 10 || Number(next[i - 1]) === bytes[i]);
