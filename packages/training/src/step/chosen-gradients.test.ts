/** Gradients of parts of a model: single layers, activations, and a loss that is computed elsewhere. */
import { readFileSync } from 'node:fs';
import {
  add,
  externalGradient,
  gradient,
  input,
  mul,
  operationsBefore,
  reduceMean,
  slice,
  sub,
  type Tensor,
} from '@working-papers/graph';
import {
  architectureOf,
  checkConfig,
  trainingAttention,
  type WeightTensor,
  weightSource,
} from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { detachTap } from './detach-tap.ts';
import { collectActivations } from './segments.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

interface Stored {
  shape: number[];
  data: string;
}
const stored = JSON.parse(readFileSync(new URL('../../fixtures/gradients-llama.json', import.meta.url), 'utf8'));
const config = checkConfig(stored.config, 'llama');
const tensors = fixtureTensors(stored.tensors);
const [rows, length] = [2, 9];
const floats = ({ data }: Stored) => new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
const valuesOf = (tensor: WeightTensor) => {
  const bytes = tensor.bytesSync();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};

function built(options: Parameters<typeof collectActivations>[0] = {}) {
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [rows, length]);
  const labels = input('labels', 'int64', [rows, length]);
  const { tap, activations } = collectActivations(options);
  const parts = { attention: trainingAttention() };
  const { logits } = architectureOf(config).forward(config, weights, { ids }, { tap, parts });
  const shown = slice(logits!, 1, 0, -1);
  return { activations, shown, loss: crossEntropy(shown, slice(labels, 1, 1)), parameters: weights.parameters };
}

const int64 = (data: number[][]): HostTensor => ({
  dtype: 'int64',
  shape: [rows, length],
  data: BigInt64Array.from(data.flat(), BigInt),
});
const batch: Record<string, HostTensor> = { ids: int64(stored.inputs.ids), labels: int64(stored.labels) };

async function run(outputs: Record<string, Tensor>, more: Record<string, HostTensor> = {}) {
  const program = await runtime.compile(outputs);
  const all: Record<string, HostTensor> = { ...batch, ...more };
  for (const [name, tensor] of tensors)
    all[`weight.${name}`] = { dtype: 'float32', shape: tensor.shape, data: valuesOf(tensor) };
  const fed = Object.fromEntries(program.inputs.map(({ name }) => [name, all[name]!]));
  const found = await program.run(fed);
  program.release();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data as Float32Array]));
}

function expectClose(own: Float32Array, wanted: Float32Array, name: string) {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  expect(own.length, name).toBe(wanted.length);
  expect(norm(own.map((value, i) => value - wanted[i]!)), name).toBeLessThan(Math.max(1e-4 * norm(wanted), 1e-7));
}

test("a loss that TypeScript computes: its gradient by the logits, fed in, gives every weight PyTorch's gradient", async () => {
  const { shown, parameters } = built();
  const { logits } = await run({ logits: shown });
  // Softmax less one hot, by hand, over the labelled tokens.
  const classes = config.vocab_size;
  const labels = (stored.labels as number[][]).flatMap((row) => row.slice(1));
  const count = labels.filter((label) => label !== -100).length;
  const data = new Float32Array(logits!.length);
  for (const [row, label] of labels.entries()) {
    if (label === -100) continue;
    const scores = logits!.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    for (const [c, score] of scores.entries())
      data[row * classes + c] = (Math.exp(score - top) / total - Number(c === label)) / count;
  }
  const given = input('given', 'float32', shown.shape);
  const gradients = gradient(
    externalGradient(shown, given),
    parameters.map(({ tensor }) => tensor),
  );
  const found = await run(Object.fromEntries(parameters.map(({ name }, i) => [`gradient.${name}`, gradients[i]!])), {
    given: { dtype: 'float32', shape: shown.shape as number[], data },
  });
  for (const { name } of parameters) expectClose(found[`gradient.${name}`]!, floats(stored.gradients[name]), name);
});

test('gradients of activations: what comes back to the embeddings, by token, is the gradient of the table', async () => {
  const { loss, activations } = built();
  const [back, middle] = gradient(loss, [activations.get('embedding')!, activations.get('blocks.0.residual')!]);
  const found = await run({ back: back!, middle: middle! });
  expect(found.middle!.some((value) => value !== 0)).toBe(true);
  const wanted = stored.gradients['model.embed_tokens.weight'];
  const [, hidden] = wanted.shape as [number, number];
  const table = new Float32Array(wanted.shape[0] * hidden);
  for (const [token, id] of (stored.inputs.ids as number[][]).flat().entries())
    for (let i = 0; i < hidden; i++) table[id * hidden + i]! += found.back![token * hidden + i]!;
  expectClose(table, floats(wanted), 'embed_tokens');
});

describe('losses of single layers', () => {
  /** The mean square of the difference of a block's result and a target. */
  const local = (activations: ReadonlyMap<string, Tensor>, layer: number) => {
    const stream = activations.get(`blocks.${layer}.mlp.output`)!;
    const away = sub(stream, input(`target${layer}`, 'float32', stream.shape));
    return reduceMean(mul(away, away));
  };
  const target = (layer: number): HostTensor => {
    const shape = [rows, length, config.hidden_size];
    const data = Float32Array.from({ length: rows * length * config.hidden_size }, (_, i) => Math.sin(i + layer));
    return { dtype: 'float32', shape, data };
  };
  const targets = { target0: target(0), target1: target(1) };
  const within = (layer: number) => (name: string) => name.includes(`layers.${layer}.`);

  test('each layer has the gradient of its own loss alone, and none goes back through the layers before', async () => {
    const { activations, parameters } = built({ change: detachTap(/residual$|^embedding$/) });
    const wanted = parameters.filter(({ name }) => within(0)(name) || within(1)(name));
    const losses = [local(activations, 0), local(activations, 1)];
    const together = gradient(
      add(losses[0]!, losses[1]!),
      wanted.map(({ tensor }) => tensor),
    );
    const outputs: Record<string, Tensor> = {};
    for (const [i, { name }] of wanted.entries()) outputs[`together.${name}`] = together[i]!;
    for (const layer of [0, 1]) {
      const own = wanted.filter(({ name }) => within(layer)(name));
      // The same model without anything detached: the gradient of one layer's loss with respect to that layer's weights.
      const plain = built();
      const tensors = own.map(({ name }) => plain.parameters.find((parameter) => parameter.name === name)!.tensor);
      const gradients = gradient(local(plain.activations, layer), tensors);
      const found = await run(Object.fromEntries(own.map(({ name }, i) => [`alone.${name}`, gradients[i]!])), targets);
      const both = await run(
        Object.fromEntries(own.map(({ name }) => [`together.${name}`, outputs[`together.${name}`]!])),
        targets,
      );
      for (const { name } of own) expectClose(both[`together.${name}`]!, found[`alone.${name}`]!, name);
      expect(own.some(({ name }) => found[`alone.${name}`]!.some((value) => Math.abs(value) > 1e-4))).toBe(true);
    }
    const across = gradient(
      losses[1]!,
      parameters.filter(({ name }) => within(0)(name)).map(({ tensor }) => tensor),
    );
    expect(operationsBefore(across).filter(({ rule }) => /matmul/i.test(rule.name))).toEqual([]);
  });

  test('the backward pass of the last layer alone is a part of that of all', () => {
    const backward = (options: Parameters<typeof collectActivations>[0]) => {
      const { activations, parameters } = built(options);
      const loss = local(activations, 1);
      const before = new Set(operationsBefore([loss]));
      const gradients = gradient(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      return operationsBefore(gradients).filter((op) => !before.has(op)).length;
    };
    const detached = backward({ change: detachTap((name) => name === 'blocks.0.residual') });
    expect(detached).toBeLessThan(0.75 * backward({}));
  });
});
