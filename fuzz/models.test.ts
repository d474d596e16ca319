/** Files of models, spoilt, that are read in part, or opened down to a vector; formats.test.ts has each format. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeaderGoesOn, parseGgufHeader } from '@working-papers/models';
import { openCheckpoint, openModel } from '@working-papers/models/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bertFolder, llamaGguf } from './checkpoints.ts';
import { answerOrSentence, byteEdits, cases, jsonEdits, long, spoilBytes, spoilJson } from './hostile.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const patience = long ? 600_000 : 30_000;

describe('files of models, spoilt, give an answer or a sentence', () => {
  it('GGUF headers of which only a part has been read', { timeout: patience }, async () => {
    const whole = llamaGguf();
    await fc.assert(
      fc.asyncProperty(byteEdits, fc.nat({ max: whole.length }), async (edits, read) => {
        const bytes = spoilBytes(whole, edits);
        await answerOrSentence(bytes.length, () => {
          try {
            parseGgufHeader(bytes.subarray(0, read), bytes.length);
          } catch (error) {
            if (!(error instanceof HeaderGoesOn)) throw error;
            expect(read).toBeLessThan(bytes.length);
          }
        });
      }),
      cases(500),
    );
  });

  it('whole folders, down to a vector', { timeout: patience }, async () => {
    const files = bertFolder();
    const names = Object.keys(files);
    let opened = 0;
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), byteEdits, fc.option(jsonEdits), async (name, edits, inJson) => {
        const place = join(folder, String(number++));
        const content = files[name]!;
        const spoilt =
          inJson && !Buffer.isBuffer(content)
            ? spoilJson(content, inJson)
            : Buffer.from(spoilBytes(Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content)), edits));
        await writeFolder(place, { ...files, [name]: spoilt });
        await answerOrSentence(100_000, async () => {
          const checkpoint = await openCheckpoint(place);
          for (const tensor of checkpoint.tensors.values()) await tensor.bytes();
        });
        await answerOrSentence(100_000, async () => {
          const model = await openModel(place, { threads: 1 });
          try {
            if (model.kind === 'encoder') expect(await model.embed(['the sea'])).toHaveLength(1);
            opened++;
          } finally {
            model.close();
          }
        });
        await rm(place, { recursive: true });
      }),
      cases(60),
    );
    expect(opened).toBeGreaterThan(0);
  });
});

async function writeFolder(place: string, files: Record<string, Buffer | object>): Promise<void> {
  await mkdir(join(place, '1_Pooling'), { recursive: true });
  for (const [name, content] of Object.entries(files))
    await writeFile(join(place, name), Buffer.isBuffer(content) ? content : JSON.stringify(content));
}
