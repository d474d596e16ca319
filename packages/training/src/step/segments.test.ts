/** Parts of models computed again: the same gradients in less memory. */
import { readFileSync } from 'node:fs';
import { gradient, input, operationsBefore, slice, tapeOf } from '@working-papers/graph';
import {
  architectureOf,
  checkConfig,
  denseAttention,
  denseEncoderAttention,
  gpt2Shapes,
  trainingAttention,
  trainingEncoderAttention,
  type WeightTensor,
  weightSource,
} from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import { createRuntime, residentBytes, watchPeak } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { sgd } from '../optimisers/sgd.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { attentionSegments, blockSegments, collectActivations } from './segments.ts';
import { TrainingStep } from './training-step.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const floats = (tensor: WeightTensor) => {
  const bytes = tensor.bytesSync();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};

const attentions = {
  plain: { decoder: denseAttention, encoder: denseEncoderAttention },
  'written out': { decoder: trainingAttention({ block: 4 }), encoder: trainingEncoderAttention },
};

/** A model of this configuration with a next-token or a per-token loss. */
function built(
  modelConfig: unknown,
  tensors: ReadonlyMap<string, WeightTensor>,
  { rows, length, attention }: { rows: number; length: number; attention: keyof typeof attentions },
) {
  const config = checkConfig(modelConfig as object, 'this');
  const architecture = architectureOf(config);
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [rows, length]);
  const { tap, activations } = collectActivations();
  const parts = { attention: attentions[attention][architecture.kind === 'decoder' ? 'decoder' : 'encoder'] };
  const { logits } = architecture.forward(config, weights, { ids }, { tap, parts });
  const labels = architecture.kind === 'decoder' ? slice(ids, 1, 1) : ids;
  const shown = architecture.kind === 'decoder' ? slice(logits!, 1, 0, -1) : logits!;
  return { activations, loss: crossEntropy(shown, labels), parameters: weights.parameters };
}

const models = ['llama', 'gpt2', 'bert'].flatMap((name) =>
  Object.keys(attentions).map((attention) => ({ name, attention: attention as keyof typeof attentions })),
);

describe.each(models)('$name, attention $attention', ({ name, attention }) => {
  const stored = JSON.parse(readFileSync(new URL(`../../fixtures/gradients-${name}.json`, import.meta.url), 'utf8'));
  const tensors = fixtureTensors(stored.tensors);
  const { activations, loss, parameters } = built(stored.config, tensors, { rows: 2, length: 6, attention });
  const wanted = parameters.map(({ tensor }) => tensor);

  test.each([
    ['blocks', blockSegments(activations)],
    ['the second block', blockSegments(activations, { layers: (layer) => layer === 1 })],
    ['attention', attentionSegments(activations)],
  ])('gradients are the same when %s are computed again', async (_, recompute) => {
    const ways = { kept: gradient(loss, wanted), again: gradient(loss, wanted, { recompute }) };
    expect(operationsBefore(ways.again).length).toBeGreaterThan(operationsBefore(ways.kept).length);
    const outputs = Object.entries(ways).flatMap(([way, gradients]) =>
      gradients.map((g, i) => [`${way}${i}`, g] as const),
    );
    const program = await runtime.compile(Object.fromEntries(outputs));
    const data = BigInt64Array.from({ length: 12 }, (_, i) => BigInt(1 + ((i * 7) % 20)));
    const given = parameters.map(({ name, shape }) => {
      const data = floats(tensors.get(name)!);
      return [`weight.${name}`, { dtype: 'float32', shape, data } as const] as const;
    });
    const found = await program.run({ ids: { dtype: 'int64', shape: [2, 6], data }, ...Object.fromEntries(given) });
    program.release();
    for (const [i, { name }] of parameters.entries()) {
      const [kept, again] = [found[`kept${i}`]!.data as Float32Array, found[`again${i}`]!.data as Float32Array];
      const largest = Math.max(...kept.map(Math.abs));
      for (const [at, value] of kept.entries())
        expect(Math.abs(again[at]! - value), `${name}[${at}]`).toBeLessThanOrEqual(1e-6 * Math.max(largest, 1));
    }
  });
});

test('a step of a deep net takes less than half the memory where its blocks are computed again', async () => {
  const [rows, length] = [8, 128];
  const config = { model_type: 'gpt2', vocab_size: 64, n_embd: 64, n_layer: 20, n_head: 4, n_positions: length };
  const shapes = gpt2Shapes(checkConfig(config, 'deep'));
  const tensors = new Map(
    [...shapes].map(([name, shape], place) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, (_, i) => 0.05 * Math.sin(i * 0.7 + place));
      const bytes = new Uint8Array(values.buffer);
      const tensor = { name, shape, type: 'F32', count, byteLength: bytes.length, bytesSync: () => bytes };
      return [name, tensor as unknown as WeightTensor];
    }),
  );
  const grown = async (again: boolean) => {
    const { loss, parameters, activations } = built(config, tensors, { rows, length, attention: 'plain' });
    const step = await TrainingStep.compile(
      runtime,
      { loss, parameters, optimiser: sgd({ rate: 1e-3 }), ...(again ? { recompute: blockSegments(activations) } : {}) },
      { initial: ({ name }) => floats(tensors.get(name)!) },
    );
    const data = BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(i % 64));
    const before = residentBytes();
    const peak = watchPeak();
    const results = [];
    for (let i = 0; i < 2; i++) results.push(await step.run({ ids: { dtype: 'int64', shape: [rows, length], data } }));
    const bytes = peak.stop() - before;
    step.release();
    const gradients = gradient(
      loss,
      parameters.map(({ tensor }) => tensor),
      again ? { recompute: blockSegments(activations) } : {},
    );
    return { bytes, results, tape: tapeOf(loss, gradients).bytes };
  };
  // The one that needs less first: what the allocator keeps from it can only make the other look smaller.
  const [again, kept] = [await grown(true), await grown(false)];
  for (const [i, { loss, gradientNorm }] of kept.results.entries()) {
    expect(again.results[i]!.loss).toBeCloseTo(loss, 5);
    expect(again.results[i]!.gradientNorm / gradientNorm).toBeCloseTo(1, 4);
  }
  expect(again.bytes).toBeLessThan(kept.bytes / 2);
  // What the tape counts is most of what is held.
  expect(kept.bytes / kept.tape).toBeGreaterThan(0.85);
  expect(kept.bytes / kept.tape).toBeLessThan(1.3);
  expect(again.tape).toBeLessThan(kept.tape / 10);
});

test('what a model does not show is named', () => {
  expect(() => blockSegments(new Map())).toThrow('There are no blocks among the activations');
  const activations = new Map([['blocks.0.residual', input('x', 'float32', [1])]]);
  expect(() => blockSegments(activations)).toThrow("The model shows no activation 'embedding'.");
});
