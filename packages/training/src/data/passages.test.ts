import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChapterRow, type PassageOptions, passagesByChapter } from './passages.ts';

const shares = { train: 0.6, validation: 0.2, test: 0.2 };
/** A book whose words say which chapter they are of: `b3.17` is word 17 of chapter 3. */
const book = (name: string, chapters: number, words: number): ChapterRow[] =>
  Array.from({ length: chapters }, (_, i) => i + 1).flatMap((chapter) => {
    const all = Array.from({ length: words }, (_, i) => `${name}${chapter}.${i}`);
    const middle = Math.floor(words / 2);
    return [all.slice(0, middle), all.slice(middle)].map((some) => ({ book: name, chapter, text: some.join(' ') }));
  });
const passages = (rows: ChapterRow[], options: Partial<PassageOptions> = {}) =>
  passagesByChapter(rows, { tokens: 10, countOf: () => 1, shares, seed: 1, ...options });

test('no chapter is in two parts, and each part has its share of every book', () => {
  const parts = passages([...book('a', 10, 25), ...book('b', 20, 25)]);
  for (const name of ['a', 'b']) {
    const chaptersOf = (part: string) =>
      new Set(parts[part]!.filter(({ label }) => label === name).map(({ chapter }) => chapter));
    const found = Object.keys(shares).map(chaptersOf);
    expect(found.map(({ size }) => size)).toEqual(name === 'a' ? [6, 2, 2] : [12, 4, 4]);
    expect(new Set(found.flatMap((set) => [...set])).size).toBe(name === 'a' ? 10 : 20);
  }
});

test('passages are stretches of one chapter, as long as they may be, and lie nowhere twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer(), (tokens, seed) => {
      // Words of one to three tokens.
      const countOf = (word: string) => 1 + (word.length % 3);
      const parts = passages([...book('a', 5, 60), ...book('b', 6, 60)], { tokens, countOf, seed });
      const seen = new Set<string>();
      for (const { text, label, chapter } of Object.values(parts).flat()) {
        const words = text.split(' ');
        const first = Number(words[0]!.split('.')[1]);
        expect(words).toEqual(words.map((_, i) => `${label}${chapter}.${first + i}`));
        const total = words.reduce((sum, word) => sum + countOf(word), 0);
        expect(total).toBeLessThanOrEqual(tokens);
        expect(total + countOf(`${label}${chapter}.${first + words.length}`)).toBeGreaterThan(tokens);
        for (const word of words) {
          expect(seen).not.toContain(word);
          seen.add(word);
        }
      }
    }),
  );
});

test('lengths change no split, and a seed gives the same again', () => {
  const rows = book('a', 30, 50);
  const chapters = (tokens: number) => new Set(passages(rows, { tokens }).test!.map(({ chapter }) => chapter));
  expect(chapters(5)).toEqual(chapters(20));
  expect(passages(rows)).toEqual(passages(rows));
  expect(passages(rows, { seed: 2 })).not.toEqual(passages(rows));
});

test('so many of each book are drawn, from all chapters of a part', () => {
  const rows = [...book('a', 20, 100), ...book('b', 20, 200)];
  const perBook = { train: 30, validation: 10, test: 0 };
  const drawn = passages(rows, { perBook });
  for (const [part, count] of Object.entries(perBook))
    expect(drawn[part]!.map(({ label }) => label)).toEqual(['a', 'b'].flatMap((name) => Array(count).fill(name)));
  expect(new Set(drawn.train!.map(({ chapter }) => chapter)).size).toBeGreaterThan(8);
  expect(() => passages(rows, { perBook: { ...perBook, test: 37 } })).toThrow(
    '"a" has 36 passages of 10 tokens in test, and 37 were asked for. Ask for fewer',
  );
  expect(() => passages(rows, { tokens: 0 })).toThrow(/at least 1 token; got 0/);
});
