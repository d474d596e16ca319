import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { seededUniform } from '../generation/sampling.ts';
import { decodeImage, readImage, readPixels } from './node/index.ts';
import { parseNpy } from './npy.ts';
import { preprocess } from './preprocess.ts';
import { preprocessingOf } from './preprocessor-config.ts';
import { resample } from './resample.ts';
import { type Filter, ImageError } from './types.ts';

/** What fixtures/processors.py wrote. */
const fixture = JSON.parse(readFileSync(new URL('fixtures/processors.json', import.meta.url), 'utf8')) as {
  image: { width: number; height: number; data: string };
  files: Record<string, { content: string; rgb: string; width: number; height: number }>;
  resized: { filter: Filter; width: number; height: number; data: string }[];
  processors: { config: Record<string, unknown>; file: string; shape: number[]; pixels: string }[];
};
const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'));
const image = { ...fixture.image, data: bytesOf(fixture.image.data) };
const vit: ModelConfig = {
  model_type: 'vit',
  vocab_size: 0,
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  image_size: 12,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'));
});
afterAll(() => rm(folder, { recursive: true }));

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
};

test.each(fixture.resized)('$filter to $width x $height is Pillow’s to the bit', ({ filter, width, height, data }) => {
  const resized = resample(image, width, height, filter);
  expect([resized.width, resized.height]).toEqual([width, height]);
  expect(worst(resized.data, bytesOf(data))).toBe(0);
});

test.each(Object.entries(fixture.files))('%s is decoded as Pillow does', async (_, { content, rgb, width, height }) => {
  const decoded = await decodeImage(bytesOf(content));
  expect([decoded.width, decoded.height]).toEqual([width, height]);
  expect(worst(decoded.data, bytesOf(rgb))).toBe(0);
});

test.each(fixture.processors.map((each, index) => ({ index, ...each })))(
  'processor $index prepares as transformers does',
  async ({ config, file, shape, pixels }) => {
    const prepared = preprocess([await decodeImage(bytesOf(file))], preprocessingOf(config, vit));
    expect(prepared.shape).toEqual(shape);
    expect(worst(prepared.data, new Float32Array(bytesOf(pixels).buffer))).toBeLessThan(1e-6);
  },
);

test('without a file the processor is the model’s own', () => {
  expect(preprocessingOf(undefined, vit)).toMatchObject({
    resize: { to: { height: 12, width: 12 }, filter: 'bilinear' },
    normalise: { mean: [0.5, 0.5, 0.5] },
  });
  expect(preprocessingOf(undefined, { ...vit, model_type: 'clip', vision_config: { image_size: 32 } })).toMatchObject({
    resize: { to: { shortestEdge: 32 }, filter: 'bicubic' },
    centreCrop: { height: 32, width: 32 },
  });
  expect(
    preprocessingOf({ feature_extractor_type: 'CLIPFeatureExtractor', size: 20, crop_size: 18 }, vit),
  ).toMatchObject({
    resize: { to: { shortestEdge: 20 } },
    centreCrop: { height: 18, width: 18 },
  });
});

test.each([
  [{ size: { height: 1e6, width: 10 } }, /height of the preprocessor is 1000000/],
  [{ size: { height: 8 } }, /height and width, or shortest_edge, are understood/],
  [{ resample: 9 }, /resample of the preprocessor is 9/],
  [{ image_std: [0, 1, 1] }, /image_std holds a 0/],
  [{ image_mean: ['a', 1, 1] }, /image_mean of the preprocessor is not 3 numbers/],
  [{ do_pad: true }, /padded/],
])('a preprocessor that asks for what is not done is refused: %j', (config, sentence) => {
  expect(() => preprocessingOf(config, vit)).toThrow(sentence);
});

test('images of several sizes are no batch, and a line does not become a plane', () => {
  const small = { width: 3, height: 4, data: new Uint8Array(36) };
  expect(() => preprocess([image, small], {})).toThrow('Image 2 comes out at 3 x 4 pixels and the first at 40 x 30');
  const line = { width: 1, height: 2 ** 20, data: new Uint8Array(3 * 2 ** 20) };
  expect(() => resample(line, 224, 224 * 2 ** 20, 'bicubic')).toThrow(/An image of 1 x 1048576 pixels is not resized/);
});

describe('hostile files', () => {
  const refused = async (content: Uint8Array, sentence: RegExp): Promise<void> => {
    const error = await decodeImage(content, 'cat').catch((failure: Error) => failure);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as Error).message).toMatch(sentence);
  };

  test('what is no image, is cut off, or claims too much is a sentence', async () => {
    await refused(
      new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      /cat is no image that is read here/,
    );
    await refused(new Uint8Array(), /cat is no image/);
    await refused(claimed(100_000, 100_000), /cat claims 100000 x 100000 pixels; at most 67108864/);
    for (const name of ['rgb.png', 'photo.jpg', 'alpha.webp', 'photo.tif']) {
      const content = bytesOf(fixture.files[name]!.content);
      await refused(content.subarray(0, content.length / 2), /cat cannot be read as (PNG|JPEG|WEBP|TIFF): /);
    }
    await expect(readImage(join(folder, 'none.png'))).rejects.toThrow(/none.png cannot be opened \(ENOENT\)/);
    await expect(readImage(folder)).rejects.toThrow(/is not a file/);
  });

  test('the content decides, not the name', async () => {
    const path = join(folder, 'photo.png');
    await writeFile(path, bytesOf(fixture.files['photo.jpg']!.content));
    expect(await readImage(path)).toMatchObject({ width: 40, height: 30 });
  });

  // Checksums leave few spoilt PNGs readable.
  test.each([
    ['rgb.png', 1000],
    ['photo.jpg', 200],
  ] as const)(
    // fuzz/formats.test.ts has a thousand, of every format.
    'mutations of %s end in an image or a sentence, %d of them',
    async (name, rounds) => {
      const uniform = seededUniform(7);
      const whole = bytesOf(fixture.files[name]!.content);
      const ends = { images: 0, sentences: 0 };
      for (let round = 0; round < rounds; round++) {
        const content = whole.slice(0, uniform() < 0.2 ? Math.ceil(uniform() * whole.length) : whole.length);
        // Headers more than the rest.
        const reach = round % 2 === 0 ? Math.min(64, content.length) : content.length;
        for (let change = Math.ceil(uniform() * 4); change > 0; change--) {
          content[Math.floor(uniform() * reach)] = Math.floor(uniform() * 256);
        }
        const answer = await decodeImage(content).catch((error: Error) => error);
        if (answer instanceof Error) {
          expect(answer).toBeInstanceOf(ImageError);
          ends.sentences++;
        } else {
          expect(answer.data.length).toBe(answer.width * answer.height * 3);
          ends.images++;
        }
      }
      expect(ends.sentences).toBeGreaterThan(20);
      expect(ends.images).toBeGreaterThan(0);
    },
    60_000,
  );
});

/** A PNG whose header claims a size that its data have not. */
function claimed(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(checksum(body));
    return Buffer.concat([length, body, sum]);
  };
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(100))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** CRC-32 */
function checksum(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

describe('.npy', () => {
  const npy = (header: string, data: Uint8Array, length = header.length): Uint8Array =>
    Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([length & 255, length >> 8]),
      Buffer.from(header),
      data,
    ]);
  const header = (type: string, shape: string, order = 'False') =>
    `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`;

  test('float32, float64 and uint8 in C order are read', async () => {
    const values = Float32Array.from({ length: 12 }, (_, i) => i / 7);
    const bytes = new Uint8Array(values.buffer);
    expect(parseNpy(npy(header('<f4', '1, 3, 2, 2'), bytes))).toEqual({ shape: [1, 3, 2, 2], data: values });
    expect(parseNpy(npy(header('<f8', '3, 2, 2'), new Uint8Array(Float64Array.from(values).buffer)))).toEqual({
      shape: [1, 3, 2, 2],
      data: values,
    });
    expect(parseNpy(npy(header('|u1', '2'), new Uint8Array([3, 255]))).data).toEqual(new Float32Array([3, 255]));
    const path = join(folder, 'pixels.npy');
    await writeFile(path, npy(header('<f4', '12'), bytes));
    await expect(readPixels(path)).rejects.toThrow(/pixels.npy: The array has the shape \[12\]/);
  });

  test.each([
    [npy(header('<f4', '2, 2'), new Uint8Array(15)), /needs 16 bytes; the file has 15/],
    [npy(header('<f4', '99999999999, 9'), new Uint8Array(4)), /at most 268435456 numbers/],
    [npy(header('<f4', '0'), new Uint8Array()), /has the shape \[0\]/],
    [npy(header('|O', '1'), new Uint8Array(8)), /type '\|O'/],
    [npy(header('<f4', '1', 'True'), new Uint8Array(4)), /Fortran order/],
    [npy('{}', new Uint8Array(4)), /does not say type/],
    [npy(header('<f4', '1'), new Uint8Array(4), 60_000), /header claims 60000 bytes/],
    [new Uint8Array(20), /This is no .npy file/],
    [new Uint8Array(3), /This is no .npy file/],
  ])('a hostile header is a sentence', (bytes, sentence) => {
    expect(() => parseNpy(bytes)).toThrow(sentence);
  });
});
