import type { DecoderModel } from '@working-papers/models';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askAlone, memory, soakRound } from './testing/soak.ts';
import { openTiny, type Served, startServer } from './testing/tiny-server.ts';

let model: DecoderModel;
let served: Served;
beforeAll(async () => {
  model = await openTiny();
  served = await startServer([{ name: 'model', model }], { prefixBytes: 500_000 });
});
afterAll(async () => {
  await served.server.close();
  model.close();
});

it('a hundred at once, a third given up half-way: every answer is right and no memory grows', async () => {
  const asked = await askAlone(model, 100, 10);
  expect(await soakRound(served, asked)).toBe(34);
  const before = memory();
  for (let round = 0; round < 2; round++) await soakRound(served, asked);
  const after = memory();
  expect(after.heap - before.heap).toBeLessThan(8e6);
  expect(after.resident - before.resident).toBeLessThan(40e6);
  expect(await served.metric('model_server_answers_failed_total')).toBe(0);
  expect(await served.metric('model_server_prefix_cache_bytes')).toBeLessThanOrEqual(500_000);
  // Some may have come to their end while their reader was leaving.
  expect(await served.metric('model_server_answers_cancelled_total')).toBeGreaterThan(2 * 34);
});
