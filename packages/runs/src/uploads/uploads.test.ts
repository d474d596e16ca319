import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedName } from './names.ts';
import { type IncomingFile, receiveUpload, uploadLimit } from './receive.ts';
import { deleteUpload, getUpload, listUploads, uploadedInput } from './store.ts';
import type { UploadError, UploadKind } from './types.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uploads-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Given = Record<string, string | Buffer | AsyncIterable<Uint8Array>>;
async function* incoming(files: Given): AsyncGenerator<IncomingFile> {
  for (const [name, content] of Object.entries(files))
    yield {
      name,
      bytes: typeof content === 'string' || Buffer.isBuffer(content) ? Readable.from([Buffer.from(content)]) : content,
    };
}
const receive = (files: Given, kind: UploadKind = 'input', limitBytes = 1e6, signal?: AbortSignal) =>
  receiveUpload(folder, incoming(files), { kind, limitBytes, ...(signal ? { signal } : {}) });
const left = async () => (await readdir(join(folder, 'uploads')).catch(() => [])).sort();

/** A safetensors file that holds one float32 tensor `a` of `values` and says that its bytes are 0 to `end`. */
function safetensors(values: number[], end = values.length * 4): Buffer {
  const header = Buffer.from(JSON.stringify({ a: { dtype: 'F32', shape: [end / 4], data_offsets: [0, end] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.from(Float32Array.from(values).buffer)]);
}
const config = JSON.stringify({
  model_type: 'bert',
  vocab_size: 4,
  hidden_size: 2,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 1,
});
const tokenizer = JSON.stringify({
  model: { type: 'WordPiece', unk_token: '[UNK]', vocab: { '[UNK]': 0, '[CLS]': 1, '[SEP]': 2, a: 3 } },
  normalizer: null,
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  added_tokens: [],
});

describe('an input', () => {
  it('is kept whole under an id of ours, listed, and deleted', async () => {
    const upload = await receive({ '../../etc/my prompts.CSV': 'prompt\nup\n' });
    expect(upload).toMatchObject({ kind: 'input', name: '../../etc/my prompts.CSV', bytes: 10 });
    expect(upload.files).toEqual([{ name: 'my-prompts.csv', bytes: 10 }]);
    expect(upload.id).toMatch(/^[a-z2-7]{16}$/);
    const { path } = uploadedInput(join(folder, 'uploads'), upload.id);
    expect(await readFile(path, 'utf8')).toBe('prompt\nup\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await listUploads(folder)).toEqual([upload]);
    expect(await deleteUpload(folder, upload.id)).toBe(true);
    expect(await deleteUpload(folder, upload.id)).toBe(false);
    expect(await left()).toEqual([]);
  });

  const refusals: [string, Given, RegExp][] = [
    ['a picture', { 'a.png': 'x' }, /"a\.png" is not read as an input\. Choose a \.txt/],
    ['two files', { 'a.txt': 'x', 'b.txt': 'y' }, /one file; got "a\.txt" and "b\.txt"/],
    ['nothing', {}, /No file came/],
    ['an empty file', { 'a.txt': '' }, /"a\.txt" is empty/],
    ['no name', { '..txt': 'x' }, /no name that a file can be kept under|not read as an input/],
  ];
  it.each(refusals)('that is %s is refused with a sentence, and leaves nothing', async (_, files, sentence) => {
    await expect(receive(files)).rejects.toThrow(sentence);
    expect(await left()).toEqual([]);
  });

  it('over the limit is broken off as soon as it is, whatever was announced', async () => {
    let given = 0;
    const endless = async function* () {
      for (;;) {
        given += 1024;
        yield new Uint8Array(1024);
      }
    };
    const refused = receive({ 'a.txt': endless() }, 'input', 100_000);
    await expect(refused).rejects.toMatchObject({
      reason: 'large',
      message: expect.stringMatching(/at most 100000 bytes.*WORKING_PAPERS_UPLOAD_BYTES/),
    } satisfies Partial<UploadError>);
    expect(given).toBeLessThan(1e6);
    expect(await left()).toEqual([]);
  });

  it('whose sender goes away, or for which the disk has no room, leaves nothing', async () => {
    const broken = (error: Error) =>
      (async function* () {
        yield Buffer.from('abc');
        throw error;
      })();
    await expect(receive({ 'a.txt': broken(new Error('aborted')) })).rejects.toThrow('aborted');
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    await expect(receive({ 'a.txt': broken(full) })).rejects.toMatchObject({
      reason: 'full',
      message: expect.stringContaining('The disk of this instance is full'),
    });
    const cancelled = new AbortController();
    const slow = new Readable({ read: () => {} });
    slow.push('abc');
    slow.once('data', () => cancelled.abort());
    await expect(receive({ 'a.txt': slow }, 'input', 1e6, cancelled.signal)).rejects.toThrow(/abort/i);
    expect(await left()).toEqual([]);
  });

  it('that broke off with its process is removed a day later by the next one', async () => {
    const part = join(folder, 'uploads', '.part-aaaaaaaaaaaaaaaa');
    await mkdir(part, { recursive: true });
    await deleteUpload(folder, (await receive({ 'a.txt': 'x' })).id);
    expect(await left()).toEqual(['.part-aaaaaaaaaaaaaaaa']);
    await utimes(part, 1, 1);
    await deleteUpload(folder, (await receive({ 'a.txt': 'x' })).id);
    expect(await left()).toEqual([]);
  });
});

describe('a model', () => {
  it('is what its headers say, whatever its weight file is called', async () => {
    const upload = await receive(
      { 'mine.safetensors': safetensors([1, 2]), 'config.json': config, 'tokenizer.json': tokenizer },
      'model',
    );
    expect(upload.model).toMatchObject({ kind: 'encoder', type: 'bert', parameters: 2, layers: 1, hidden: 2 });
    expect(upload.name).toBe('mine.safetensors');
    expect(upload.files.map(({ name }) => name).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(() => uploadedInput(join(folder, 'uploads'), upload.id)).toThrow('is a model (mine.safetensors)');
    await deleteUpload(folder, upload.id);
  });

  const whole = { 'config.json': config, 'tokenizer.json': tokenizer };
  const refusals: [string, Given, RegExp][] = [
    [
      'lies about its bytes',
      { ...whole, 'model.safetensors': safetensors([1, 2], 4096) },
      /^model\.safetensors: Tensor "a" says its bytes are 0 to 4096, but the file holds 8 bytes of data\.$/,
    ],
    ['lacks config.json', { 'model.safetensors': safetensors([1]) }, /There is no config\.json in the upload/],
    [
      'lacks a tokenizer',
      { 'config.json': config, 'model.safetensors': safetensors([1]) },
      /^The upload carries no tokenizer/,
    ],
    ['is no GGUF', { 'a.gguf': 'GGXX and more' }, /^a\.gguf: /],
    ['lacks weights', whole, /^The upload holds no model\.safetensors/],
    [
      'is of another architecture',
      { ...whole, 'config.json': config.replace('bert', 'mamba'), 'model.safetensors': safetensors([1]) },
      /^The upload: A model of type 'mamba' cannot be run; these types can: llama, /,
    ],
    ['is a pickle', { 'pytorch_model.bin': 'x' }, /Python pickles are not read/],
    ['brings its readme', { 'README.md': 'x' }, /"README\.md" is not read from a model/],
  ];
  it.each(refusals)('that %s is refused in the reader’s words, without our paths', async (_, files, sentence) => {
    const refused = receive(files, 'model');
    await expect(refused).rejects.toThrow(sentence);
    await expect(refused).rejects.not.toThrow(folder);
    expect(await left()).toEqual([]);
  });
});

it('names never leave their folder, hide in it, or grow long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('.txt', '.gguf', '.safetensors'), (stem, ending) => {
      const kind = ending === '.txt' ? 'input' : 'model';
      let name: string;
      try {
        name = storedName(stem + ending, kind);
      } catch (error) {
        expect((error as Error).name).toBe('UploadError');
        return;
      }
      expect(name).toMatch(/^([A-Za-z0-9_][\w.-]{0,99}|1_Pooling\/config\.json)$/);
      expect(name).not.toContain('..');
    }),
  );
});

it('ids that are none name nothing', async () => {
  await mkdir(join(folder, 'uploads', 'aaaaaaaaaaaaaaaa'), { recursive: true });
  await writeFile(join(folder, 'upload.json'), '{}');
  for (const id of ['..', '../uploads', '', 'AAAAAAAAAAAAAAAA', 'aaaaaaaaaaaaaaaa'])
    expect(await getUpload(folder, id)).toBeUndefined();
});

it('the limit is a number of bytes', () => {
  expect(uploadLimit({})).toBe(8 * 2 ** 30);
  expect(uploadLimit({ WORKING_PAPERS_UPLOAD_BYTES: '1000' })).toBe(1000);
  expect(() => uploadLimit({ WORKING_PAPERS_UPLOAD_BYTES: '2 GB' })).toThrow(/is "2 GB"; it is a whole number/);
});
