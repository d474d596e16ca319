/** Files of models, spoilt: GGUF, safetensors, configuration, tokenizer. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  configOfGguf,
  createTokenizer,
  HeaderGoesOn,
  parseGgufHeader,
  parseSafetensorsHeader,
  safetensorsHeaderLength,
  type TokenizerFiles,
  tokenizerOfGguf,
} from '@working-papers/models';
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
  it('GGUF headers, with what is made of them', { timeout: patience }, async () => {
    const parse = (bytes: Uint8Array) => {
      const header = parseGgufHeader(bytes, bytes.length);
      for (const { start, end } of header.tensors) expect(end).toBeLessThanOrEqual(Math.max(start, bytes.length));
      configOfGguf(header);
      return createTokenizer(tokenizerOfGguf(header)).encode('a b').ids;
    };
    const whole = llamaGguf();
    expect(parse(whole)).toHaveLength(4);
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const bytes = spoilBytes(whole, edits);
        await answerOrSentence(bytes.length, () => parse(bytes));
      }),
      cases(2_000),
    );
  });

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

  it('safetensors headers', { timeout: patience }, async () => {
    const file = bertFolder()['model.safetensors'] as Buffer;
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const bytes = spoilBytes(file, edits);
        await answerOrSentence(bytes.length, () => {
          const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.length);
          const { entries } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length);
          expect(entries.reduce((sum, { start, end }) => sum + end - start, 8 + length)).toBe(bytes.length);
        });
      }),
      cases(2_000),
    );
  });

  it('tokenizer.json and tokenizer_config.json', { timeout: patience }, async () => {
    const { 'tokenizer.json': tokenizer, 'tokenizer_config.json': config } = bertFolder();
    await fc.assert(
      fc.asyncProperty(jsonEdits, async (edits) => {
        const { files } = spoilJson({ files: { tokenizer, config } }, edits) as { files: TokenizerFiles };
        if (!isObject(files) || !isObject(files.tokenizer) || !(files.config === undefined || isObject(files.config)))
          return;
        await answerOrSentence(JSON.stringify(files).length, () => {
          const made = createTokenizer(files);
          const { ids } = made.encode('the sea, unknowable 🌊', { maxLength: 4 });
          made.decode(ids);
          const stream = made.decodeStream();
          for (const id of ids) stream.push(id);
          stream.end();
        });
      }),
      cases(1_000),
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

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function writeFolder(place: string, files: Record<string, Buffer | object>): Promise<void> {
  await mkdir(join(place, '1_Pooling'), { recursive: true });
  for (const [name, content] of Object.entries(files))
    await writeFile(join(place, name), Buffer.isBuffer(content) ? content : JSON.stringify(content));
}
