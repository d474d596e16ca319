import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import type { WeightTensor } from '../formats/types.ts';
import { readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import type { UnroundedWeights } from '../types.ts';
import { createDecoder } from './decoder.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const { config, tensors, inputs } = readFixture('qwen3');

/** The same tensors, and how often one was read. */
function counted() {
  let reads = 0;
  const counting = (tensor: WeightTensor): WeightTensor => ({
    ...tensor,
    bytesSync: () => {
      reads++;
      return tensor.bytesSync();
    },
  });
  return { tensors: new Map([...tensors].map(([name, tensor]) => [name, counting(tensor)])), reads: () => reads };
}

const ids = Array.from(inputs.ids!.flat() as number[]).slice(0, 9);

test.each(['fp32', 'q8'] as const)(
  'the programs of a model read its %s weights once, and answer as apart',
  async (weights: UnroundedWeights) => {
    const answers: unknown[] = [];
    const read: number[] = [];
    for (const within of [runtime, runtime.sharing()]) {
      const { tensors, reads } = counted();
      const model = await createDecoder(factsOf(config, tensors, within, weights));
      const afterSteps = reads();
      const { logits } = await model.activations({ ids: [ids] }, ['logits']);
      await model.prepareDense();
      const texts: number[] = [];
      for await (const { id } of model.generate({ ids, maxTokens: 6, temperature: 0 })) texts.push(id);
      read.push(reads() - afterSteps);
      answers.push([[...logits!.data], texts]);
      model.close();
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(read[0]).toBeGreaterThan(tensors.size);
    expect(read[1]).toBe(0);
  },
);
