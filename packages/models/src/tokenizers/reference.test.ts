/** Every kind of tokenizer against the Python library (fixtures/tokenizers/make-tokenizers.py): ids and offsets of hostile texts, pairs, truncation. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from './tokenizer.ts';
import type { Encoded, TruncationStrategy } from './types.ts';

const fixture = async (name: string) =>
  JSON.parse(await readFile(new URL(`../../fixtures/tokenizers/${name}.json`, import.meta.url), 'utf8'));

interface Full {
  ids: number[];
  offsets: [number, number][];
  typeIds: number[];
  specialTokensMask: number[];
  sequenceIds: (0 | 1 | null)[];
}

interface Expected {
  digests: string[];
  full: (Full & { text: string })[];
  pairs: (Full & { pair: [string, string]; plain: Full })[];
  truncated: {
    limit: number;
    strategy: TruncationStrategy;
    side: 'right' | 'left';
    stride: number | null;
    pair: [string, string];
    windows: Omit<Full, 'sequenceIds'>[] | null;
  }[];
}

const { kinds } = (await fixture('expected')) as { kinds: Record<string, Expected> };
const texts = ((await fixture('texts')) as (string | { repeat: [string, number] })[]).map((text) =>
  typeof text === 'string' ? text : text.repeat[0].repeat(text.repeat[1]),
);

const digest = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
const partOf = ({ ids, offsets, typeIds, specialTokensMask }: Encoded) => ({
  ids,
  offsets,
  typeIds,
  specialTokensMask,
});
const fullOf = (encoded: Encoded) => ({ ...partOf(encoded), sequenceIds: encoded.sequenceIds });

describe.each(Object.entries(kinds))('%s', async (kind, expected) => {
  const tokenizer = createTokenizer({ tokenizer: await fixture(kind) });

  it('gives the ids and offsets of the reference in full', () => {
    for (const { text, ...full } of expected.full)
      expect(fullOf(tokenizer.encode(text, { offsets: true })), text).toEqual(full);
  });

  it(`gives the reference's ids and offsets on ${texts.length} hostile texts, and the same ids without offsets`, () => {
    const wrong = texts.filter((text, i) => {
      const { ids, offsets } = tokenizer.encode(text, { offsets: true });
      // Texts of many thousands of characters are there for what takes long, which is the same without offsets.
      if (text.length < 10_000) expect(tokenizer.encode(text).ids).toEqual(ids);
      return digest([ids, offsets]) !== expected.digests[i];
    });
    expect(wrong.map((text) => text.slice(0, 200))).toEqual([]);
  });

  it('puts pairs together', () => {
    for (const { pair, plain, ...full } of expected.pairs) {
      const [text, other] = pair;
      expect(fullOf(tokenizer.encode(text, { pair: other, offsets: true }))).toEqual(full);
      expect(fullOf(tokenizer.encode(text, { pair: other, offsets: true, addSpecialTokens: false }))).toEqual(plain);
    }
  });

  it('truncates pairs, and gives windows', () => {
    for (const { limit, strategy, side, stride, pair, windows } of expected.truncated) {
      const encode = () =>
        tokenizer.encode(pair[0], {
          pair: pair[1],
          offsets: true,
          maxLength: limit,
          truncation: strategy,
          truncationSide: side,
          ...(stride === null ? {} : { stride }),
        });
      if (windows === null) {
        expect(encode).toThrow(RangeError);
        continue;
      }
      const made = encode();
      const [first, ...others] = [made, ...(made.overflow ?? [])].map(partOf);
      const [expectedFirst, ...expectedOthers] = windows;
      expect(first).toEqual(expectedFirst);
      // The library leaves the type ids of the windows after the first as they were before the template; here the template rules.
      const withoutTypes = (window: object) => ({ ...window, typeIds: undefined });
      expect(others.map(withoutTypes)).toEqual(expectedOthers.map(withoutTypes));
    }
  });
});
