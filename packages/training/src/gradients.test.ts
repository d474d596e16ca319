/** Losses and gradients of whole models against PyTorch's (fixtures/make-gradients.py). */
import { readdirSync, readFileSync } from 'node:fs';
import { gradient, input, slice, type Tensor } from '@working-papers/graph';
import {
  architectureOf,
  checkConfig,
  denseAttention,
  denseEncoderAttention,
  type ForwardTensors,
  type ModelConfig,
  trainingAttention,
  trainingEncoderAttention,
  weightSource,
} from '@working-papers/models';
import { type DescribedTensor, fixtureTensors } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { crossEntropy } from './losses/cross-entropy.ts';
import { trainableWeights } from './weights/trainable-weights.ts';

interface Stored {
  shape: number[];
  data: string;
}
interface Fixture {
  config: ModelConfig;
  tensors: DescribedTensor[];
  inputs: { ids?: number[][]; pixels?: Stored };
  labels: number[] | number[][];
  loss: number;
  gradients: Record<string, Stored>;
}

const folder = new URL('../fixtures/', import.meta.url);
const names = readdirSync(folder).filter((file) => /^gradients-.*\.json$/.test(file));
const read = (file: string): Fixture => {
  const stored = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  return { ...stored, config: checkConfig(stored.config, file) };
};
const floats = ({ data }: Stored) => new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0));

const runtime = createRuntime();
afterAll(() => runtime.close());

/** Loss and inputs of a fixture's task: the next token, a label a token, or one an image. */
function task({ config, inputs, labels }: Fixture): {
  given: ForwardTensors;
  fed: Record<string, HostTensor>;
  loss(logits: Tensor): Tensor;
} {
  const shape = [labels.length, ...(Array.isArray(labels[0]) ? [labels[0].length] : [])];
  const wanted = input('labels', 'int64', shape);
  const fed: Record<string, HostTensor> = {
    labels: { dtype: 'int64', shape, data: BigInt64Array.from(labels.flat(), BigInt) },
  };
  if (inputs.pixels) {
    const { shape } = inputs.pixels;
    fed.pixels = { dtype: 'float32', shape, data: floats(inputs.pixels) };
    return {
      given: { pixels: input('pixels', 'float32', shape) },
      fed,
      loss: (logits) => crossEntropy(logits, wanted),
    };
  }
  fed.ids = { dtype: 'int64', shape, data: BigInt64Array.from(inputs.ids!.flat(), BigInt) };
  const given = { ids: input('ids', 'int64', shape) };
  if (architectureOf(config).kind === 'encoder') return { given, fed, loss: (logits) => crossEntropy(logits, wanted) };
  return { given, fed, loss: (logits) => crossEntropy(slice(logits, 1, 0, -1), slice(wanted, 1, 1)) };
}

const attentions = {
  plain: { decoder: denseAttention, encoder: denseEncoderAttention },
  'written out': { decoder: trainingAttention({ block: 3 }), encoder: trainingEncoderAttention },
};

describe.each(names.flatMap((file) => Object.entries(attentions).map(([name, parts]) => ({ file, name, parts }))))(
  '$file, attention $name',
  ({ file, parts }) => {
    const fixture = read(file);
    const { config } = fixture;
    const tensors = fixtureTensors(fixture.tensors);
    const architecture = architectureOf(config);
    const attention = parts[architecture.kind === 'decoder' ? 'decoder' : 'encoder'];
    const build = (trainable?: (name: string) => boolean) => {
      const { given, fed, loss } = task(fixture);
      const weights = trainableWeights(weightSource(tensors, 'fp32'), trainable ? { trainable } : {});
      const { logits } = architecture.forward(config, weights, given, { parts: { attention } });
      return { weights, fed, loss: loss(logits!) };
    };
    const run = async ({ weights, fed, loss }: ReturnType<typeof build>) => {
      const { parameters } = weights;
      const gradients = gradient(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      const outputs = Object.fromEntries(parameters.map(({ name }, index) => [`gradient.${name}`, gradients[index]!]));
      const program = await runtime.compile({ loss, ...outputs });
      const values = Object.fromEntries(
        parameters.map(({ name, shape }) => {
          const bytes = tensors.get(name)!.bytesSync();
          const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
          return [`weight.${name}`, { dtype: 'float32', shape, data } as const];
        }),
      );
      const answer = await program.run({ ...fed, ...values });
      program.release();
      return answer;
    };

    test('loss to 1e-5, every gradient to 1e-4 of its norm', async () => {
      const built = build();
      const answer = await run(built);
      expect(Math.abs(Number(answer.loss!.data[0]) - fixture.loss)).toBeLessThan(1e-5 * Math.max(1, fixture.loss));
      expect(built.weights.parameters.map(({ name }) => name).sort()).toEqual(Object.keys(fixture.gradients).sort());
      for (const [name, stored] of Object.entries(fixture.gradients)) {
        const [own, wanted] = [answer[`gradient.${name}`]!, floats(stored)];
        expect(own.shape, name).toEqual(stored.shape);
        const away = norm(wanted.map((value, i) => Number(own.data[i]) - value));
        expect(away, name).toBeLessThan(Math.max(1e-4 * norm(wanted), 1e-8 * wanted.length));
      }
    });

    test('frozen weights are no inputs, and the others have the same gradients', async () => {
      const chosen = (name: string) => /layers?\.1\.|h\.1\.|layer\.1\./.test(name);
      const built = build(chosen);
      const answer = await run(built);
      const expected = Object.keys(fixture.gradients).filter(chosen);
      expect(expected.length).toBeGreaterThan(5);
      expect(built.weights.parameters.map(({ name }) => name).sort()).toEqual(expected.sort());
      for (const name of expected) {
        const [own, wanted] = [answer[`gradient.${name}`]!, floats(fixture.gradients[name]!)];
        const away = norm(wanted.map((value, i) => Number(own.data[i]) - value));
        expect(away, name).toBeLessThan(Math.max(1e-4 * norm(wanted), 1e-8 * wanted.length));
      }
    });
  },
);
