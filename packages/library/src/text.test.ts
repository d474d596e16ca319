import { describe, expect, it } from 'vitest';
import { compact, fold, sentencesOf, slugify, wordsOf } from './text.ts';

describe('folding', () => {
  it('takes accents, case and joined letters away', () => {
    expect(fold('Müller Łukasz Øystein Straße Æther naïve ﬁne İstanbul')).toBe(
      'muller lukasz oystein strasse aether naive fine istanbul',
    );
    expect(compact('LM-Infinite')).toBe(compact('lm infinite'));
    expect(wordsOf('DP-DyLoRA: ε=2')).toEqual(['dp', 'dylora', 'ε', '2']);
  });

  it('makes short addresses of whole words', () => {
    expect(slugify('CLEX: Continuous Length Extrapolation')).toBe('clex-continuous-length-extrapolation');
    expect(slugify('x'.repeat(100))).toHaveLength(60);
    expect(slugify('!?')).toBe('paper');
    expect(slugify('A word '.repeat(30)).length).toBeLessThanOrEqual(60);
  });
});

it('takes sentences apart, but not abbreviations, numbers and addresses', () => {
  const text =
    'BERT (Devlin et al. 2018), e.g. GPT-4.1, is 2.5x faster. "Really?" Yes! See https://example.org/a.b for all. We end.\n\nA new paragraph';
  expect(sentencesOf(text)).toEqual([
    'BERT (Devlin et al. 2018), e.g. GPT-4.1, is 2.5x faster.',
    '"Really?"',
    'Yes!',
    'See https://example.org/a.b for all.',
    'We end.',
    'A new paragraph',
  ]);
});
