/** What the recipes of small decoders share: a curriculum of length and task, the training over it, and how a decoder is looked at. */
import { argMax, input, type Segment, slice, type Tensor } from '@working-papers/graph';
import {
  architectureOf,
  denseAttention,
  heldTensor,
  llamaShapes,
  type ModelConfig,
  seededUniform,
  type WeightSource,
  type WeightTensor,
  weightSource,
} from '@working-papers/models';
import type { DeviceTensor, Runtime } from '@working-papers/runtime';
import { type BatchSource, type LoopPosition, type TrainingEnd, type TrainOptions, train } from '../loop/train.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import * as schedules from '../optimisers/schedules.ts';
import { chain, type Transformation } from '../optimisers/transformation.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { attentionSegments, collectActivations } from '../step/segments.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { answersRight, type Material, passkeyText, type WeightedText } from './recall-tasks.ts';

export type Task = (random: () => number, material: Material, length: number) => WeightedText;

/** Until which step, how many rows of how many tokens, and the share of each task. */
export interface Phase {
  until: number;
  rows: number;
  length: number;
  tasks: readonly (readonly [task: Task, share: number])[];
}

/** A decoder of the house. */
export interface DecoderRecipe {
  config: ModelConfig;
  /** The curriculum, for so many steps in all. */
  curriculum(steps: number): readonly Phase[];
  /** The highest rate of learning. */
  rate: number;
  /** Deviation of the matrices at the beginning, the embeddings' being 0.02. Default 0.02. */
  deviation?: number;
}

/** AdamW (0.9, 0.95), decay 0.1 on matrices, clipped at 1; 100 steps up to the rate, then one cosine down to a tenth. */
export function decoderOptimiser(rate: number, steps: number): Transformation {
  const warm = Math.min(100, steps - 1);
  const cosine = schedules.cosine({ from: rate, to: rate / 10, steps: steps - warm });
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

/**
 * Normal, embeddings with deviation 0.02 and matrices with that of the recipe, what writes the stream over the root of twice the layers; norms
 * are 1.
 */
export function decoderInitial(
  { config, deviation = 0.02 }: Pick<DecoderRecipe, 'config' | 'deviation'>,
  seed: number,
): Map<string, Float32Array> {
  const uniform = seededUniform(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return new Map(
    [...llamaShapes(config)].map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      if (shape.length === 1) return [name, new Float32Array(count).fill(1)];
      const own = /embed_tokens/.test(name) ? 0.02 : deviation;
      const spread = /(o_proj|down_proj)/.test(name) ? own / Math.sqrt(2 * config.num_hidden_layers) : own;
      return [name, Float32Array.from({ length: count }, () => spread * normal())];
    }),
  );
}

/** Weights as a checkpoint would hold them, by the names and shapes of the configuration. */
export const decoderTensors = (
  config: ModelConfig,
  values: ReadonlyMap<string, Float32Array>,
): Map<string, WeightTensor> =>
  new Map([...llamaShapes(config)].map(([name, shape]) => [name, heldTensor(name, shape, values.get(name)!)]));

/** Batches of the phases; each is made from the seed and its number alone, so any place can be gone on from. */
export function curriculumBatches(
  phases: readonly Phase[],
  material: Material,
  { seed, from = 0 }: { seed: number; from?: number },
): BatchSource {
  let number = from;
  return {
    async next() {
      const phase = phases.find(({ until }) => number < until);
      if (!phase) return undefined;
      const random = seededUniform(seed * 1_000_003 + number);
      number += 1;
      const { rows, length, tasks } = phase;
      return batchOfTexts(Array.from({ length: rows }, () => taskOf(tasks, random())(random, material, length)));
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

/** Texts of one length as the inputs of {@link decoderGraph}. */
function batchOfTexts(texts: readonly WeightedText[]): StepInputs {
  const shape = [texts.length, texts[0]!.ids.length];
  const ids = new BigInt64Array(shape[0]! * shape[1]!);
  const weights = new Float32Array(ids.length);
  for (const [row, text] of texts.entries()) {
    ids.set(BigInt64Array.from(text.ids, BigInt), row * shape[1]!);
    weights.set(text.weights, row * shape[1]!);
  }
  return { ids: { dtype: 'int64', shape, data: ids }, weights: { dtype: 'float32', shape, data: weights } };
}

interface DecoderGraph {
  /** By the weights of the tokens. */
  loss: Tensor;
  /** The likeliest next tokens, `[rows, length]`. */
  next: Tensor;
  /** Its attentions, to be computed again. */
  attentions(): Segment[];
}

/** The model over a batch. */
function decoderGraph(config: ModelConfig, weights: WeightSource): DecoderGraph {
  const ids = input('ids', 'int64', ['rows', 'length']);
  const { tap, activations } = collectActivations();
  const forward = architectureOf(config).forward;
  const { logits } = forward(config, weights, { ids }, { tap, parts: { attention: denseAttention } });
  const counts = slice(input('weights', 'float32', ['rows', 'length']), 1, 1);
  const loss = crossEntropy(slice(logits!, 1, 0, -1), slice(ids, 1, 1), { weights: counts });
  return { loss, next: argMax(logits!, -1), attentions: () => attentionSegments(activations) };
}

const trainable = (config: ModelConfig, values: ReadonlyMap<string, Float32Array>) =>
  trainableWeights(weightSource(decoderTensors(config, values), 'fp32'));

export interface DecoderTraining extends Pick<TrainOptions, 'evaluation' | 'signal' | 'onEvent'> {
  material: Material;
  seed: number;
  steps: number;
  /** Puts a step where an earlier training was, before the first step. */
  load?(step: TrainingStep): Promise<unknown>;
  /** Keeps the state, every so many steps and at the end of each phase. */
  checkpoint?: { every: number; save(step: TrainingStep, position: LoopPosition): Promise<void> };
}

/**
 * Trains a decoder from random weights; answers how it ended and the weights. Each phase has a program of its own, which is let go before
 * the next is made: memory grows to what the largest phase needs and not to the sum of all.
 */
export async function trainDecoder(
  runtime: Runtime,
  recipe: DecoderRecipe,
  { material, seed, steps, load, checkpoint, ...options }: DecoderTraining,
): Promise<{ end: TrainingEnd; weights: Map<string, Float32Array> }> {
  const { config, rate } = recipe;
  const phases = recipe.curriculum(steps);
  const values = decoderInitial(recipe, seed);
  let state: { done: number; tensors: ReadonlyMap<string, Float32Array> } | undefined;
  let end: TrainingEnd = 'done';
  for (const { until } of phases) {
    if (until <= (state?.done ?? 0)) continue;
    const weights = trainable(config, values);
    const { loss, attentions } = decoderGraph(config, weights);
    const step = await TrainingStep.compile(
      runtime,
      {
        loss,
        parameters: weights.parameters,
        optimiser: decoderOptimiser(rate, steps),
        recompute: attentions(),
      },
      { initial: ({ name }) => values.get(name)! },
    );
    try {
      if (state) {
        step.done = state.done;
        for (const [name, tensor] of step.tensors) tensor.write(state.tensors.get(name)!);
      } else await load?.(step);
      if (step.done < until)
        end = await train(step, curriculumBatches(phases, material, { seed, from: step.done }), {
          ...options,
          steps: until,
          tokensOf: ({ ids }) => ids!.data.length,
          ...(checkpoint
            ? { checkpoint: { every: checkpoint.every, save: (_, position) => checkpoint.save(step, position) } }
            : {}),
        });
      const tensors = new Map([...step.tensors].map(([name, tensor]) => [name, tensor.read() as Float32Array]));
      state = { done: step.done, tensors };
    } finally {
      step.release();
    }
    if (end !== 'done') break;
  }
  return { end, weights: new Map([...values.keys()].map((name) => [name, state!.tensors.get(`weight.${name}`)!])) };
}

/** What a decoder says of texts. */
export interface DecoderLook {
  /** Share of texts of {@link gateTexts} whose digits are said right. */
  recall(texts: readonly WeightedText[]): Promise<number>;
  /** Mean nats a token, over the tokens that count. */
  nats(texts: readonly WeightedText[]): Promise<number>;
  release(): void;
}

/**
 * Looks at weights as they are, `rows` texts at a time: what it needs does not grow with the number of texts.
 * @param weightsOf weights by their names: values, or a step's own tensors
 */
export async function lookAtDecoder(
  runtime: Runtime,
  config: ModelConfig,
  weightsOf: () => (name: string) => Float32Array | DeviceTensor,
  rows = 4,
): Promise<DecoderLook> {
  const empty = new Map(
    [...llamaShapes(config)].map(([name, shape]) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  const weights = trainable(config, empty);
  const { loss, next } = decoderGraph(config, weights);
  const program = await runtime.compile({ loss, next }, { memoryPatterns: false });
  async function* pieces(texts: readonly WeightedText[]) {
    const weightOf = weightsOf();
    const kept = Object.fromEntries(
      weights.parameters.map(({ name, shape }) => {
        const value = weightOf(name);
        return [
          `weight.${name}`,
          value instanceof Float32Array ? { dtype: 'float32' as const, shape, data: value } : value,
        ];
      }),
    );
    for (let start = 0; start < texts.length; start += rows) {
      const some = texts.slice(start, start + rows);
      const { loss, next } = await program.run({ ...batchOfTexts(some), ...kept });
      yield { some, loss: (loss!.data as Float32Array)[0]!, next: next!.data as BigInt64Array };
    }
  }
  return {
    async recall(texts) {
      let right = 0;
      for await (const { some, next } of pieces(texts)) {
        const length = some[0]!.ids.length;
        right += some.filter((text, row) => answersRight(text, next.subarray(row * length, (row + 1) * length))).length;
      }
      return right / texts.length;
    },
    async nats(texts) {
      let [sum, count] = [0, 0];
      for await (const { some, loss } of pieces(texts)) {
        // The first token of a text is given.
        const counted = some.reduce((all, { weights }) => weights.subarray(1).reduce((a, b) => a + b, all), 0);
        sum += loss * counted;
        count += counted;
      }
      return sum / count;
    },
    release: () => program.release(),
  };
}

/** The gate of recall: texts with a passkey at so many depths of prose that the model has not seen. */
export const gateTexts = (
  material: Material,
  { seed, length, count = 100 }: { seed: number; length: number; count?: number },
): WeightedText[] => {
  const random = seededUniform(seed);
  return Array.from({ length: count }, (_, i) => passkeyText(random, material, length, i / Math.max(1, count - 1)));
};

/** Prose one stretch after the other, every token counting; what is left at its end is dropped. */
export const stretchesOf = ({ prose }: Material, length: number): WeightedText[] =>
  Array.from({ length: Math.floor(prose.length / length) }, (_, i) => ({
    ids: Int32Array.from(prose.subarray(i * length, (i + 1) * length)),
    weights: new Float32Array(length).fill(1),
  }));
