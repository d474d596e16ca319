/** Fine-tuning on labelled texts: a classification head on the first token, all weights, as transformers has it. */
import { argMax, input, type Tensor } from '@working-papers/graph';
import {
  architectureOf,
  type ModelConfig,
  type Tokenizer,
  trainingEncoderAttention,
  weightSource,
} from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import {
  adamW,
  batchSource,
  bucketed,
  chain,
  clipByGlobalNorm,
  crossEntropy,
  padded,
  repeated,
  type Sequence,
  shuffled,
  TrainingStep,
  train,
  trainableWeights,
} from '@working-papers/training';
import { createRandom } from '../../random.ts';
import { inputsOf, rateOf } from './distil.ts';
import { classifierClass, type Side, type Student, shapesOf, studentOf, valuesOf } from './student.ts';

export interface FineTuneOptions {
  epochs: number;
  /** Rows of a batch. */
  batch: number;
  rate: number;
  seed: number;
  padId: number;
  signal?: AbortSignal | undefined;
  onStep?: ((step: number, steps: number, loss: number) => void) | undefined;
}

/** A text with its class, as tokens. */
export type Labelled = Sequence & { readonly label: number };

/** The configuration of a classifier with these labels over a model's. */
export function classifierConfig(config: ModelConfig, labels: readonly string[]): ModelConfig {
  return {
    ...config,
    architectures: [classifierClass(config.model_type)],
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
}

/** A model with a new head for these labels: what it had stays, what it lacks comes from N(0, 0.02). */
export function withHead({ config, tensors }: Student, labels: readonly string[], seed: number): Student {
  const classifier = classifierConfig(config, labels);
  const random = createRandom(seed, 'head');
  const values = new Map(
    [...shapesOf(classifier)].map(([name, shape]) => {
      const own = tensors.get(name) ?? tensors.get(name.replace(/^(bert|roberta|mpnet)\./, ''));
      if (own) return [name, valuesOf(own)];
      const fresh = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (shape.length > 1) for (let i = 0; i < fresh.length; i++) fresh[i] = 0.02 * random.normal();
      return [name, fresh];
    }),
  );
  return studentOf(classifier, values);
}

/** Trains all weights of a classifier, head included. */
export async function fineTune(
  runtime: Runtime,
  classifier: Student,
  texts: readonly Labelled[],
  { epochs, batch, rate, seed, padId, signal, onStep }: FineTuneOptions,
): Promise<Student> {
  const { config, tensors } = classifier;
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const loss = crossEntropy(logitsOf({ config, weights }, true), input('labels', 'int64', ['rows']));
  const steps = epochs * Math.ceil(texts.length / batch);
  const schedule = rateOf({ steps, rate, warmup: 0.1 });
  const step = await TrainingStep.compile(
    runtime,
    {
      loss,
      parameters: weights.parameters,
      optimiser: chain(
        clipByGlobalNorm({ maxNorm: 1 }),
        adamW({ rate: schedule, decayed: ({ shape }) => shape.length > 1 }),
      ),
    },
    { initial: ({ name }) => valuesOf(tensors.get(name)!), label: 'fine-tuning' },
  );
  try {
    const batches = repeated(epochs, (epoch) =>
      bucketed(shuffled(texts, { seed, epoch }), { rows: batch, seed, epoch, buffer: 8 * batch }),
    );
    await train(step, batchSource(padded(batches, { padId, multipleOf: 8 })), {
      steps,
      signal,
      onEvent: (event) => {
        if (event.type === 'step') onStep?.(event.step, steps, event.loss);
      },
    });
    const values = new Map([...tensors].map(([name, tensor]) => [name, valuesOf(tensor)]));
    for (const { name } of step.parameters) values.set(name, step.weight(name));
    return studentOf(config, values);
  } finally {
    step.release();
  }
}

/** Share of texts whose label is the likeliest. */
export async function accuracyOf(
  runtime: Runtime,
  { config, tensors }: Student,
  texts: readonly Labelled[],
  { batch, padId, signal }: Pick<FineTuneOptions, 'batch' | 'padId' | 'signal'>,
): Promise<{ accuracy: number; right: boolean[] }> {
  const logits = logitsOf({ config, weights: weightSource(tensors, 'fp32') });
  const program = await runtime.compile({ predicted: argMax(logits, -1) }, { label: 'classifier' });
  try {
    const right: boolean[] = [];
    for (let at = 0; at < texts.length; at += batch) {
      const part = texts.slice(at, at + batch);
      const { predicted } = await program.run(inputsOf(part, padId), signal ? { signal } : {});
      for (const [row, { label }] of part.entries()) right.push(Number(predicted!.data[row]) === label);
    }
    return { accuracy: right.filter(Boolean).length / right.length, right };
  } finally {
    program.release();
  }
}

function logitsOf({ config, weights }: Side, learns = false): Tensor {
  const ids = input('ids', 'int64', ['rows', 'length']);
  const mask = input('mask', 'int64', ['rows', 'length']);
  const parts = learns ? { attention: trainingEncoderAttention } : undefined;
  const { logits } = architectureOf(config).forward(config, weights, { ids, mask }, { parts });
  if (!logits) throw new Error(`A '${config.model_type}' model has no head here that tells texts apart.`);
  return logits;
}

/** Labelled texts as tokens, each cut to `length`. */
export const labelledOf = (
  tokenizer: Tokenizer,
  texts: readonly { text: string; label: number }[],
  length: number,
): Labelled[] => texts.map(({ text, label }) => ({ ids: tokenizer.encode(text, { maxLength: length }).ids, label }));
