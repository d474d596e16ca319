import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../tokenizers/index.ts';
import { tokenizerOfVocabulary } from './vocab-tokenizer.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/torch/vocabulary.json', import.meta.url), 'utf8'));

describe('a tokenizer from vocab.txt', () => {
  it.each([true, false])('gives the ids of BertTokenizer (lower-cased: %s)', (lowercase) => {
    const tokenizer = createTokenizer({ tokenizer: tokenizerOfVocabulary(fixture.vocabulary, { lowercase }) });
    for (const { text, lower, cased } of fixture.texts)
      expect(tokenizer.encode(text).ids, text).toEqual(lowercase ? lower : cased);
  });

  it('refuses a vocabulary without the special tokens', () => {
    expect(() => tokenizerOfVocabulary('a\nb\n')).toThrow(/no token "\[UNK\]"/);
  });
});
