/**
 * Weight files beyond 2 and 4 GiB: what a model computes from tensors that lie there is what it computes from the same tensors in a
 * small file. The files are sparse; of each only the model's own tensors are written.
 */
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededUniform } from '@working-papers/models';
import { openCheckpoint, openModel } from '@working-papers/models/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bertFolder, bertShapes, llamaGgufParts } from './checkpoints.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-large-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Piece {
  at: number;
  bytes: Uint8Array;
}

/** A file of so many bytes, zero where no piece lies. */
async function sparse(path: string, pieces: readonly Piece[], size: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(size);
    for (const { at, bytes } of pieces) await file.write(bytes, 0, bytes.length, at);
  } finally {
    await file.close();
  }
}

const uniform = seededUniform(7);
const values = Object.fromEntries(
  Object.entries(bertShapes()).map(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return [name, Float32Array.from({ length: count }, () => uniform() - 0.5)];
  }),
);

/** A safetensors file of these tensors of the encoder, with a tensor of so many bytes of zeros before each that `before` names. */
async function writeSafetensors(path: string, names: readonly string[], before: Readonly<Record<string, number>>) {
  const header: Record<string, unknown> = {};
  const pieces: Piece[] = [];
  let at = 0;
  for (const name of names) {
    const filler = before[name];
    if (filler) header[`filler.${name}`] = { dtype: 'U8', shape: [filler], data_offsets: [at, at + filler] };
    at += filler ?? 0;
    const { buffer, byteLength } = values[name]!;
    header[name] = { dtype: 'F32', shape: bertShapes()[name], data_offsets: [at, at + byteLength] };
    pieces.push({ at, bytes: new Uint8Array(buffer) });
    at += byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const start = 8 + json.length;
  const placed = pieces.map((piece) => ({ ...piece, at: piece.at + start }));
  await sparse(path, [{ at: 0, bytes: Buffer.concat([length, json]) }, ...placed], start + at);
  return { bytes: start + at, fillers: Object.keys(header).filter((name) => name.startsWith('filler.')) };
}

async function encoderFolder(name: string): Promise<string> {
  const place = join(folder, name);
  await mkdir(join(place, '1_Pooling'), { recursive: true });
  const { 'model.safetensors': _, ...others } = bertFolder();
  for (const [file, content] of Object.entries(others)) await writeFile(join(place, file), JSON.stringify(content));
  return place;
}

const texts = ['the sea', 'unknowable, the sea'];
async function embeddings(place: string): Promise<Float32Array[]> {
  const model = await openModel(place, { threads: 1 });
  try {
    if (model.kind !== 'encoder') throw new Error('The model is no encoder.');
    const vectors = await model.embed(texts);
    expect(vectors.every((vector) => vector.every(Number.isFinite) && new Set(vector).size > 10)).toBe(true);
    return vectors;
  } finally {
    model.close();
  }
}

const names = Object.keys(values);
const [third, twoThirds] = [Math.floor(names.length / 3), Math.floor((2 * names.length) / 3)];
const small = async () => {
  const place = await encoderFolder('small');
  await writeSafetensors(join(place, 'model.safetensors'), names, {});
  return embeddings(place);
};

it('safetensors: tensors beyond 2^31 and 2^32 bytes', async () => {
  const place = await encoderFolder('single');
  const gaps = { [names[third]!]: 2 ** 31, [names[twoThirds]!]: 2 ** 31 };
  const { bytes, fillers } = await writeSafetensors(join(place, 'model.safetensors'), names, gaps);
  expect(bytes).toBeGreaterThan(2 ** 32);
  const { tensors } = await openCheckpoint(place);
  for (const name of names) {
    const expected = new Uint8Array(values[name]!.buffer);
    expect(Buffer.compare(await tensors.get(name)!.bytes(), expected), name).toBe(0);
    expect(Buffer.compare(tensors.get(name)!.bytesSync(), expected), name).toBe(0);
  }
  // A slice of a tensor that is itself larger than 2^31 - 1 bytes, at its end.
  const filler = tensors.get(fillers[1]!)!;
  expect(filler.byteLength).toBe(2 ** 31);
  expect([...(await filler.slice(2 ** 31 - 3, 2 ** 31))]).toEqual([0, 0, 0]);
  expect(await embeddings(place)).toEqual(await small());
  await rm(place, { recursive: true });
});

it('safetensors in shards of more than 2 GiB each', async () => {
  const place = await encoderFolder('sharded');
  const weight_map: Record<string, string> = {};
  for (const [index, part] of [names.slice(0, third), names.slice(third)].entries()) {
    const file = `model-0000${index + 1}-of-00002.safetensors`;
    const { bytes, fillers } = await writeSafetensors(join(place, file), part, { [part[1]!]: 2.3e9 });
    expect(bytes).toBeGreaterThan(2 ** 31);
    for (const name of [...part, ...fillers]) weight_map[name] = file;
  }
  await writeFile(join(place, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
  expect(await embeddings(place)).toEqual(await small());
  await rm(place, { recursive: true });
});

it('GGUF: tensors beyond 2^31 and 2^32 bytes', async () => {
  const write = async (name: string, gaps: Record<number, number>) => {
    const { header, tensors } = llamaGgufParts(gaps);
    const draw = seededUniform(11);
    const pieces = tensors.map(({ offset, bytes, blocks }) => {
      const data = Buffer.alloc(bytes);
      // Q8_0: a float16 scale (0x2000 is 1/128) and 32 bytes a block; float32 otherwise.
      for (let at = 0; at < bytes; at += blocks ? 34 : 4) {
        if (!blocks) data.writeFloatLE(0.5 + draw(), at);
        else {
          data.writeUInt16LE(0x2000, at);
          for (let i = 2; i < 34; i++) data.writeInt8(Math.floor(draw() * 255) - 127, at + i);
        }
      }
      return { at: header.length + offset, bytes: data };
    });
    const path = join(folder, `${name}.gguf`);
    const last = pieces.at(-1)!;
    await sparse(path, [{ at: 0, bytes: header }, ...pieces], Math.ceil((last.at + last.bytes.length) / 32) * 32);
    return path;
  };
  const logits = async (path: string) => {
    const model = await openModel(path, { threads: 1 });
    try {
      if (model.kind !== 'decoder') throw new Error('The model is no decoder.');
      return await model.logits(model.tokenizer.encode('a b ab').ids);
    } finally {
      model.close();
    }
  };
  const large = await write('large', { 4: 2 ** 31, 8: 2 ** 31 });
  const { files, tensors } = await openCheckpoint(large);
  expect(files[0]!.bytes).toBeGreaterThan(2 ** 32);
  const plain = (await openCheckpoint(await write('plain', {}))).tensors;
  for (const [name, tensor] of tensors)
    expect(Buffer.compare(tensor.bytesSync(), await plain.get(name)!.bytes()), name).toBe(0);
  const got = await logits(large);
  expect(got).toEqual(await logits(join(folder, 'plain.gguf')));
  expect(got.logits.every(Number.isFinite) && new Set(got.logits).size > 10).toBe(true);
});
