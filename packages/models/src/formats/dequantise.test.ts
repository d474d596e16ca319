import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantise, float16Table } from './dequantise.ts';
import { blockBytes } from './element-types.ts';
import { undoRowPermutation } from './gguf-names.ts';
import type { BlockType, WeightType } from './types.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/blocks.json', import.meta.url), 'utf8'));
const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));
const floatsOf = (base64: string) => new Float32Array(bytesOf(base64).buffer);

describe('dequantise', () => {
  for (const type of ['F32', 'F16', 'BF16', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'] as WeightType[]) {
    it(`gives the values of gguf-py for ${type}, bit for bit`, () => {
      const { count, bytes, values } = fixture.types[type];
      expect(dequantise(type, bytesOf(bytes), count)).toEqual(floatsOf(values));
    });
  }

  it('knows all 65,536 float16 values', () => {
    const values = float16Table().map((value) => (Number.isNaN(value) ? 0 : value));
    expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(
      fixture.types['F16 all']['sha256 of values without NaN'],
    );
  });

  it('reads 8-bit floats (values of the OCP specification)', () => {
    const e4m3 = dequantise('F8_E4M3', Uint8Array.of(0x38, 0x7e, 0x01, 0x80, 0xc0, 0x7f), 6);
    expect([...e4m3]).toEqual([1, 448, 2 ** -9, -0, -2, Number.NaN]);
    const e5m2 = dequantise('F8_E5M2', Uint8Array.of(0x3c, 0x7b, 0x01, 0x7c, 0xc0), 5);
    expect([...e5m2]).toEqual([1, 57344, 2 ** -16, Number.POSITIVE_INFINITY, -2]);
  });

  it('reads integers at any alignment', () => {
    const bytes = new Uint8Array(17);
    new DataView(bytes.buffer).setBigInt64(1, -5n, true);
    new DataView(bytes.buffer).setBigInt64(9, 7n, true);
    expect([...dequantise('I64', bytes.subarray(1), 2)]).toEqual([-5, 7]);
    expect([...dequantise('I8', Uint8Array.of(255, 1), 2)]).toEqual([-1, 1]);
    expect([...dequantise('BOOL', Uint8Array.of(0, 1), 2)]).toEqual([0, 1]);
  });

  it('refuses bytes that are not those of the count', () => {
    expect(() => dequantise('F32', new Uint8Array(7), 2)).toThrow(/2 elements of F32 are 8 bytes; got 7/);
    expect(() => dequantise('Q4_1', new Uint8Array(20), 31)).toThrow(/no whole number of blocks/);
  });
});

describe('undoRowPermutation', () => {
  const { heads, rows, columns, hugging_face: original, gguf } = fixture.permutation;

  it("undoes the permutation of llama.cpp's converter", () => {
    const permuted = new Uint8Array(Float32Array.from(gguf).buffer);
    const ordered = undoRowPermutation(permuted, rows, heads);
    expect([...new Float32Array(ordered.buffer)]).toEqual(original);
    expect(columns * 4 * rows).toBe(permuted.byteLength);
  });

  it('moves quantised rows whole: permuting blocks and permuting values is the same', () => {
    const types = Object.keys(blockBytes) as BlockType[];
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer(),
        (type, parts, half, seed) => {
          const rowBytes = blockBytes[type] * 2;
          const count = parts * half * 2;
          const bytes = Uint8Array.from(
            { length: count * rowBytes },
            (_, i) => (Math.imul(i + 1, seed | 1) >>> 13) & 63,
          );
          const values = dequantise(type, bytes, count * 64);
          const blocksFirst = dequantise(type, undoRowPermutation(bytes, count, parts), count * 64);
          const valuesFirst = undoRowPermutation(new Uint8Array(values.buffer), count, parts);
          expect(new Uint8Array(blocksFirst.buffer)).toEqual(valuesFirst);
        },
      ),
    );
  });

  it('refuses rows that do not part into heads', () => {
    expect(() => undoRowPermutation(new Uint8Array(30), 10, 3)).toThrow(/cannot be parted into 3 heads/);
  });
});
