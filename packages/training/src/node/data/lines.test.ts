import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf } from './lines.ts';

const limits = { name: 'a.txt', longestRow: 1_000 };
async function* piecesOf(bytes: Uint8Array, sizes: readonly number[]) {
  for (let [start, turn] = [0, 0]; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}
const characters = fc.constantFrom('\n', '\r', '\r\n', 'a', 'ü', '日', '🌊', ' ', '\ufeff');
const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

describe('lines', () => {
  it('are those of the text, with their places, wherever the pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(characters, { maxLength: 40 }), sizes, async (characters, sizes) => {
        const text = characters.join('');
        const bytes = Buffer.from(text);
        const wanted = [...text.matchAll(/(.*?)(\r\n|\n|\r)|(.+)$/gsu)].map(([whole, line, , last]) => ({
          whole,
          text: line ?? last!,
        }));
        let [end, number] = [0, 0];
        const found = [];
        for await (const { text, after } of linesOf(piecesOf(bytes, sizes), limits)) {
          end += Buffer.byteLength(wanted[number++]!.whole);
          expect(after).toEqual({ bytes: end, line: number });
          found.push(text);
        }
        expect(found).toEqual(wanted.map(({ text }, index) => (index === 0 ? text.replace(/^\ufeff/, '') : text)));
      }),
    );
  });

  it('that are too long are refused before they have been read', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 100;
        yield new Uint8Array(100).fill(120);
      }
    }
    const all = (async () => {
      for await (const _ of linesOf(endless(), limits));
    })();
    await expect(all).rejects.toThrow('a.txt, line 1: more than 1000 bytes; a row has at most so many.');
    expect(read).toBeLessThan(1_300);
  });
});
