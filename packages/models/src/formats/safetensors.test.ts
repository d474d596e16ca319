import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from './format-error.ts';
import {
  parseSafetensorsHeader,
  parseShardIndex,
  type SafetensorsTensor,
  safetensorsFile,
  safetensorsHeader,
  safetensorsHeaderLength,
} from './safetensors.ts';

/** A safetensors file by the format's description: length, JSON, data. */
function file(header: unknown, dataBytes: number): { header: Uint8Array; size: number } {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  return { header: json, size: 8 + json.byteLength + dataBytes };
}

function parse(header: unknown, dataBytes: number) {
  const { header: json, size } = file(header, dataBytes);
  return parseSafetensorsHeader(json, size);
}

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

function lengthBytes(length: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

describe('safetensors header', () => {
  it('reads entries in the order of their bytes', () => {
    const { entries, metadata } = parse(
      {
        b: f32([2], 16, 24),
        __metadata__: { format: 'pt' },
        a: f32([2, 2], 0, 16),
        s: f32([], 24, 28),
        e: f32([0, 4], 28, 28),
      },
      28,
    );
    expect(entries.map(({ name, shape, count }) => ({ name, shape, count }))).toEqual([
      { name: 'a', shape: [2, 2], count: 4 },
      { name: 'b', shape: [2], count: 2 },
      { name: 's', shape: [], count: 1 },
      { name: 'e', shape: [0, 4], count: 0 },
    ]);
    expect(entries[1]!.end - entries[1]!.start).toBe(8);
    expect(metadata.format).toBe('pt');
  });

  it('refuses a length beyond the file before allocating', () => {
    expect(() => safetensorsHeaderLength(lengthBytes(2n ** 63n), 100)).toThrow(
      /says it is 9223372036854775808 bytes long, but only 92 bytes follow/,
    );
    expect(() => safetensorsHeaderLength(lengthBytes(200_000_000n), 10 ** 9)).toThrow(/the limit is 100000000/);
    expect(() => safetensorsHeaderLength(new Uint8Array(3), 3)).toThrow(/begins with 8 bytes/);
  });

  const refused: [string, unknown, number, RegExp][] = [
    ['offsets beyond the file', { a: f32([4], 0, 16) }, 8, /bytes are 0 to 16, but the file holds 8/],
    ['offsets the wrong way round', { a: f32([0], 8, 4) }, 8, /bytes are 8 to 4/],
    ['negative offsets', { a: f32([1], -4, 0) }, 8, /bytes are -4 to 0/],
    ['fractional offsets', { a: f32([1], 0.5, 4.5) }, 8, /bytes are 0.5/],
    ['overlapping data', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, /"b" overlap/],
    ['the same data twice', { a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8, /overlap/],
    ['a hole', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12, /4 bytes that belong to no tensor/],
    ['bytes after the last tensor', { a: f32([1], 0, 4) }, 10, /After the last tensor lie 6 bytes/],
    ['a shape that does not match its bytes', { a: f32([3], 0, 8) }, 8, /takes 12 bytes, but its offsets span 8/],
    ['an absurd dimension', { a: f32([2 ** 60], 0, 8) }, 8, /more than 2\^50/],
    ['a product that overflows', { a: f32([2 ** 31, 2 ** 31, 2 ** 31], 0, 8) }, 8, /more than 2\^50/],
    ['a product that hides behind a zero', { a: f32([2 ** 60, 0], 0, 0) }, 0, /more than 2\^50/],
    ['a negative dimension', { a: f32([-2, -1], 0, 8) }, 8, /dimension -2/],
    ['a fractional dimension', { a: f32([1.5], 0, 6) }, 6, /dimension 1.5/],
    ['too many dimensions', { a: f32(new Array(40).fill(1), 0, 4) }, 4, /at most 32/],
    ['an unknown type', { a: { dtype: 'F3', shape: [1], data_offsets: [0, 4] } }, 4, /type "F3"/],
    [
      'a type of the object prototype',
      { a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } },
      4,
      /type "constructor"/,
    ],
    [
      'a name that occurs twice',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
      /occurs twice/,
    ],
    [
      'an escaped name that occurs twice',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
      /occurs twice/,
    ],
    ['an array', [1], 0, /not a JSON object/],
    ['no JSON', '{"a":', 0, /not JSON/],
    ['a deep nest', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 0, /lists or objects 100000 deep/],
    ['metadata that is no text', { __metadata__: { a: 1 } }, 0, /not text/],
  ];
  for (const [what, header, bytes, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parse(header, bytes)).toThrow(FormatError);
      expect(() => parse(header, bytes)).toThrow(message);
    });
  }

  it('refuses text that is not UTF-8', () => {
    expect(() => parseSafetensorsHeader(Uint8Array.of(0x7b, 0xff, 0x7d), 11)).toThrow(/not UTF-8/);
  });

  it('reads or refuses a header with any bytes changed, and never gives bytes outside the file', () => {
    const { header, size } = file(
      { first: f32([2, 3], 0, 24), second: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] } },
      32,
    );
    const change = fc.record({
      at: fc.nat({ max: header.byteLength - 1 }),
      to: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...[...'0123456789-.eE[]{},:"'].map((c) => c.charCodeAt(0)))),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = header.slice();
        for (const { at, to } of changes) bytes[at] = to;
        try {
          for (const { start, end } of parseSafetensorsHeader(bytes, size).entries) {
            expect(start).toBeGreaterThanOrEqual(8 + bytes.byteLength);
            expect(end).toBeLessThanOrEqual(size);
            expect(start).toBeLessThanOrEqual(end);
          }
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a safetensors file that is written', () => {
  const written = async (tensors: readonly SafetensorsTensor[], metadata?: Record<string, string>) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of safetensorsFile(tensors, metadata)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const widths = { F32: 4, I64: 8, U8: 1, BF16: 2 } as const;

  it('reads back as it was, whatever names, types and shapes', async () => {
    const one = fc.record({
      name: fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }).filter((name) => name !== '__metadata__'),
      type: fc.constantFrom(...(Object.keys(widths) as (keyof typeof widths)[])),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
      fill: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(one, { selector: ({ name }) => name.toWellFormed(), maxLength: 6 }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
        async (list, metadata) => {
          const tensors = list.map(({ name, type, shape, fill }) => {
            const bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1) * widths[type]).fill(fill);
            return { name: name.toWellFormed(), type, shape, bytes: async () => bytes };
          });
          const file = await written(tensors, metadata);
          const length = safetensorsHeaderLength(file.subarray(0, 8), file.byteLength);
          expect(length % 8).toBe(0);
          const read = parseSafetensorsHeader(file.subarray(8, 8 + length), file.byteLength);
          expect({ ...read.metadata }).toEqual(JSON.parse(JSON.stringify(metadata)));
          for (const { name, type, shape, bytes } of tensors) {
            const entry = read.entries.find((other) => other.name === name)!;
            expect({ type: entry.type, shape: entry.shape }).toEqual({ type, shape });
            expect(file.subarray(entry.start, entry.end).equals(await bytes())).toBe(true);
          }
        },
      ),
      { seed: 3, numRuns: 200 },
    );
  });

  it('has nothing in memory but the tensor whose turn it is', async () => {
    const asked: string[] = [];
    const tensor = (name: string) => ({
      name,
      type: 'U8' as const,
      shape: [2],
      bytes: async () => {
        asked.push(name);
        return Uint8Array.of(1, 2);
      },
    });
    const file = safetensorsFile([tensor('a'), tensor('b')]);
    await file.next();
    expect(asked).toEqual([]);
    await file.next();
    expect(asked).toEqual(['a']);
  });

  it('is refused with a sentence', async () => {
    const a = { name: 'a', type: 'F32' as const, shape: [2], bytes: async () => new Uint8Array(4) };
    expect(() => safetensorsHeader([a, a])).toThrow(/Two tensors are named "a"/);
    expect(() => safetensorsHeader([{ ...a, name: '__metadata__' }])).toThrow(/the format uses that name/);
    expect(() => safetensorsHeader([{ ...a, shape: [1.5] }])).toThrow(/dimension 1.5/);
    await expect(written([a])).rejects.toThrow(/takes 8 bytes; 4 were given/);
  });
});

describe('shard index', () => {
  it('maps names to files beside it', () => {
    expect([...parseShardIndex({ metadata: {}, weight_map: { a: 'model-00001-of-00002.safetensors' } })]).toEqual([
      ['a', 'model-00001-of-00002.safetensors'],
    ]);
  });

  it('refuses files elsewhere and a missing map', () => {
    for (const file of ['../x.safetensors', '/etc/x.safetensors', 'a/b.safetensors', 'x.py', 7]) {
      expect(() => parseShardIndex({ weight_map: { a: file } })).toThrow(/no file name beside it/);
    }
    expect(() => parseShardIndex({})).toThrow(/no weight_map/);
    expect(() => parseShardIndex(null)).toThrow(/no weight_map/);
  });
});
