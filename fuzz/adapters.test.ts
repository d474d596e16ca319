/** Adapters in the PEFT layout, spoilt: each opens or is refused with a sentence, and one that opens can be put to its model. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mergeAdapter } from '@working-papers/training';
import { openAdapter } from '@working-papers/training/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peftCase } from '../packages/training/src/adapters/testing/cases.ts';
import { capMemory } from './allocations.ts';
import { answerOrSentence, byteEdits, cases, jsonEdits, long, spoilBytes, spoilJsonText } from './hostile.ts';

const patience = long ? 600_000 : 60_000;
let folder: string;
let lift: (() => void) | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-fuzz-'));
  lift = capMemory(512 * 2 ** 20);
});
afterAll(async () => {
  lift?.();
  await rm(folder, { recursive: true, force: true });
});

describe.each(['llama-lora', 'llama-patterns', 'bert-classifier', 'llama-prompt', 'gpt2-prefix'])(
  '%s',
  async (name) => {
    const { model, folder: theirs } = await peftCase(name);
    const files = new Map<string, Buffer>();
    for (const file of await readdir(theirs))
      if (file.startsWith('adapter_')) files.set(file, await readFile(join(theirs, file)));
    const weights = [...files.keys()].find((file) => !file.endsWith('.json'))!;
    const place = () => mkdtemp(join(folder, `${name}-`));

    /** Opens the folder and, where it holds low ranks, merges them; answers the number of tensors. */
    async function put(path: string): Promise<number> {
      const adapter = await openAdapter(path, model);
      if (adapter.kind === 'lora')
        for (const tensor of mergeAdapter(model, adapter).tensors.values()) await tensor.bytes();
      return adapter.tensors.size;
    }

    async function spoilt<T>(target: string, edits: fc.Arbitrary<T>, spoil: (edits: T) => Buffer): Promise<void> {
      const path = await place();
      for (const [file, bytes] of files) await writeFile(join(path, file), bytes);
      expect(await put(path)).toBeGreaterThan(0);
      await fc.assert(
        fc.asyncProperty(edits, async (some) => {
          const bytes = spoil(some);
          await writeFile(join(path, target), bytes);
          await answerOrSentence(bytes.length + files.get(weights)!.length, () => put(path));
        }),
        cases(300),
      );
    }

    it('its configuration', { timeout: patience }, async () => {
      const config = 'adapter_config.json';
      const whole = JSON.parse(files.get(config)!.toString());
      await spoilt(config, jsonEdits, (edits) => Buffer.from(spoilJsonText(whole, edits)));
    });

    it('its weights', { timeout: patience }, async () => {
      const whole = files.get(weights)!;
      const header: [number, number] = [0, 8 + Number(whole.readBigUInt64LE(0))];
      await spoilt(weights, byteEdits, (edits) => Buffer.from(spoilBytes(whole, edits, [header])));
    });
  },
);
