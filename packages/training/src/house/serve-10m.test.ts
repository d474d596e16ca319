import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DecoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { expect, test } from 'vitest';
import { passkeyNames, passkeyQuestion } from './recall-tasks.ts';
import { context } from './serve-10m.ts';

const folder = new URL('../../../../house/serve-10m/', import.meta.url);
const made = existsSync(new URL('model/config.json', folder));
if (!made) console.log(`${fileURLToPath(folder)} is not made yet (node house/make.mjs serve-10m): skipped.`);

test.skipIf(!made)('the model of the house says the number that it was told 300 words before', async () => {
  const model = (await openModel('house:serve-10m')) as DecoderModel;
  const prose = 'The rain had stopped at last, and the road before us was empty as far as one could see. '.repeat(18);
  for (const [i, name] of passkeyNames.entries()) {
    const key = String(10_000 + 17_389 * (i + 1)).slice(-5);
    const prompt = `It was evening. The ${name} is ${key}. Remember it. ${prose}${passkeyQuestion(name)}`;
    expect(model.tokenizer!.encode(prompt).ids.length).toBeLessThan(context - 5);
    let text = '';
    for await (const token of model.generate({ prompt, raw: true, maxTokens: 5 })) text += token.text;
    expect(text).toBe(key);
  }
  model.close();
});

test.skipIf(!made)('its report passes the gate', () => {
  const { gates } = JSON.parse(readFileSync(new URL('report.json', folder), 'utf8'));
  expect(gates[context].passkeys).toBeGreaterThanOrEqual(0.95);
  expect(Math.exp(gates[context].nats)).toBeLessThanOrEqual(250);
});
