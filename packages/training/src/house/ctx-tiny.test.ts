import { readFileSync } from 'node:fs';
import type { DecoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { ctxTiny } from './ctx-tiny.ts';
import { curriculumBatches, trainDecoder } from './decoder.ts';
import { bytesOf, passkeyNames, passkeyQuestion } from './recall-tasks.ts';

const runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());
const material = bytesOf(
  new TextEncoder().encode('It was a bright cold day in April, and the clocks were striking. '.repeat(30)),
);

test('the model of the house says the number that it was told, in a text of its own', async () => {
  const model = (await openModel('house:ctx-tiny')) as DecoderModel;
  for (const [i, name] of passkeyNames.entries()) {
    const key = String(10_000 + 17_389 * (i + 1)).slice(-5);
    const prose = 'The rain had stopped at last, and the road before us was empty as far as one could see.';
    const prompt = `${prose} The ${name} is ${key}. Remember it. We went on until evening.${passkeyQuestion(name)}`;
    let text = '';
    for await (const token of model.generate({ prompt, raw: true, maxTokens: 5 })) text += token.text;
    expect(text).toBe(key);
  }
  model.close();
});

test('its report passes the gate', () => {
  const report = JSON.parse(readFileSync(new URL('../../../../house/ctx-tiny/report.json', import.meta.url), 'utf8'));
  expect(report.gates['256'].passkeys).toBeGreaterThanOrEqual(0.95);
});

test('a short version of the recipe learns', async () => {
  const losses: number[] = [];
  const curriculum = (steps: number) => ctxTiny.curriculum(steps).map((phase) => ({ ...phase, rows: phase.rows / 8 }));
  const { end } = await trainDecoder(
    runtime,
    { ...ctxTiny, curriculum },
    {
      material,
      seed: 3,
      steps: 12,
      onEvent: (event) => event.type === 'step' && losses.push(event.loss),
    },
  );
  expect(end).toBe('done');
  expect(losses).toHaveLength(12);
  expect(losses[0]).toBeCloseTo(Math.log(260), 0);
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 1);
});

test('its batches are the same from any place', async () => {
  const phases = ctxTiny.curriculum(700);
  expect(phases.map(({ until }) => until)).toEqual([600, 700, 700]);
  const whole = curriculumBatches(phases, material, { seed: 2 });
  const later = curriculumBatches(phases, material, { seed: 2, from: 2 });
  await whole.next();
  await whole.next();
  expect((await later.next())!.ids!.data).toEqual((await whole.next())!.ids!.data);
  expect(later.position()).toBe(3);
});
