/** No engine code in the browser's files, and none loaded by the web process. */
import { execFileSync } from 'node:child_process';
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
    for (const trace of ['onnxruntime', 'koffi', 'GroupQueryAttention', 'data_offsets', 'pg-boss', 'node:fs'])
      expect(text.includes(trace), `${name} holds ${trace}`).toBe(false);
  }
});

it.skipIf(process.platform !== 'linux')(
  'loads no engine code in the web process (reads /proc, so on Linux only)',
  () => {
    // What the server side imports of the other rooms, in a process of its own; native code shows in its memory map.
    const rooms = ['methods', 'library', 'runs'].map((room) => `await import('@working-papers/${room}')`).join('; ');
    const script = `${rooms}; console.log((await import('node:fs')).readFileSync('/proc/self/maps', 'utf8'))`;
    const site = fileURLToPath(new URL('..', import.meta.url));
    const maps = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: site, encoding: 'utf8' });
    expect(maps).toContain('node');
    expect(maps).not.toMatch(/onnxruntime|koffi/);
  },
);
