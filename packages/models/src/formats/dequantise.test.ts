import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockLayouts, blockSource, emptyBlock } from './block-layouts.ts';
import { dequantise } from './dequantise.ts';
import { float16Table } from './float16.ts';
import { swapRows } from './gguf-names.ts';
import type { BlockType, WeightType } from './types.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/blocks.json', import.meta.url), 'utf8'));
const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));

describe('dequantise', () => {
  const plain: WeightType[] = ['F32', 'F16', 'BF16'];
  it.each([...plain, ...(Object.keys(blockLayouts) as WeightType[])])(
    'gives the values of gguf-py for %s, bit for bit',
    (type) => {
      const { count, bytes, sha256 } = fixture.types[type];
      const values = dequantise(type, bytesOf(bytes), count);
      expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(sha256);
    },
  );

  it.each(Object.entries(blockLayouts))('%s has numbers within its range', (type, layout) => {
    const bytes = bytesOf(fixture.types[type].bytes);
    const block = emptyBlock(layout);
    const seen = [0, 0];
    for (let at = 0; at < bytes.length; at += layout.bytes) {
      layout.read(blockSource(bytes), at, block);
      seen[0] = Math.min(seen[0]!, ...block.numbers);
      seen[1] = Math.max(seen[1]!, ...block.numbers);
    }
    expect(seen[0]).toBeGreaterThanOrEqual(layout.range[0]);
    expect(seen[1]).toBeLessThanOrEqual(layout.range[1]);
  });

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

describe('swapRows', () => {
  /** Rows of heads whose halves llama.cpp has laid side by side. */
  const undone = (bytes: Uint8Array, rows: number, heads: number) =>
    swapRows(bytes, rows, { outer: heads, first: rows / heads / 2, second: 2, inner: 1 });
  const { heads, rows, columns, hugging_face: original, gguf } = fixture.permutation;

  it("undoes the permutation of llama.cpp's converter", () => {
    const permuted = new Uint8Array(Float32Array.from(gguf).buffer);
    const ordered = undone(permuted, rows, heads);
    expect([...new Float32Array(ordered.buffer)]).toEqual(original);
    expect(columns * 4 * rows).toBe(permuted.byteLength);
  });

  it('moves quantised rows whole: permuting blocks and permuting values is the same', () => {
    const types = Object.keys(blockLayouts) as BlockType[];
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer(),
        (type, parts, half, seed) => {
          const rowBytes = blockLayouts[type].bytes * 2;
          const count = parts * half * 2;
          const bytes = Uint8Array.from(
            { length: count * rowBytes },
            (_, i) => (Math.imul(i + 1, seed | 1) >>> 13) & 63,
          );
          const values = dequantise(type, bytes, count * 2 * blockLayouts[type].elements);
          const blocksFirst = dequantise(type, undone(bytes, count, parts), count * 2 * blockLayouts[type].elements);
          const valuesFirst = undone(new Uint8Array(values.buffer), count, parts);
          expect(new Uint8Array(blocksFirst.buffer)).toEqual(valuesFirst);
        },
      ),
    );
  });

  it('refuses rows that do not part into heads', () => {
    expect(() => undone(new Uint8Array(30), 10, 3)).toThrow(/cannot be parted into 3 x/);
  });
});
