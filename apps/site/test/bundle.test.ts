/** No engine code in the browser's files, and none loaded by the web process. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const client = fileURLToPath(new URL('../build/client', import.meta.url));

it('sends no engine code to the browser', () => {
  const scripts = readdirSync(client, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(5);
  for (const name of scripts) {
    const text = readFileSync(join(client, name), 'utf8');
    for (const trace of ['onnxruntime', 'koffi', 'GroupQueryAttention', 'safetensors', 'pg-boss', 'node:fs'])
      expect(text.includes(trace), `${name} holds ${trace}`).toBe(false);
  }
});
