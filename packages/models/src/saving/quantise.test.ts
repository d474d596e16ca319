/** Weights as bytes of a type, against gguf-py and PyTorch (fixtures/make-blocks.py). */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { float16BitsOf, float16Table } from '../formats/float16.ts';
import { fitsRows, quantise, writtenTypes } from '../formats/quantise.ts';

const fixture = JSON.parse(await readFile(new URL('fixtures/blocks.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const bytesOf = (name: string) => new Uint8Array(Buffer.from(fixture[name]!, 'base64'));
const values = new Float32Array(bytesOf('values').buffer);

test.each(writtenTypes)('%s is what the reference makes of the same weights, byte for byte', (type) => {
  expect(quantise(type, values)).toEqual(bytesOf(type === 'F32' ? 'values' : type));
});

test('every half comes back from its own float, and a float goes to the nearest', () => {
  const table = float16Table();
  const finite = [...table.keys()].filter((bits) => Number.isFinite(table[bits]!));
  expect([...float16BitsOf(Float32Array.from(finite, (bits) => table[bits]!))]).toEqual(finite);
  const between = fc.record({
    bits: fc.integer({ min: 0, max: 0x7bfe }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(between, ({ bits, share }) => {
      const [below, above] = [table[bits]!, table[bits + 1]!];
      const value = Math.fround(below + share * (above - below));
      const given = table[float16BitsOf(Float32Array.of(value))[0]!]!;
      expect(Math.abs(given - value)).toBe(Math.min(value - below, above - value));
    }),
  );
});

test('values beyond a half are refused, infinities are not', () => {
  expect(() => quantise('F16', Float32Array.of(1, -7e4))).toThrow(/value -70000, which fp16 cannot.*Save it as bf16/);
  expect([...new Uint16Array(quantise('F16', Float32Array.of(Number.POSITIVE_INFINITY)).buffer)]).toEqual([0x7c00]);
  expect(() => quantise('Q8_0', new Float32Array(32).fill(1e8))).toThrow(/the scale of a block cannot/);
  expect([fitsRows('Q4_0', 33), fitsRows('Q8_0', 64), fitsRows('F16', 33)]).toEqual([false, true, true]);
});
