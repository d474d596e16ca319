import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuse } from './fusion.ts';
import { readQuery } from './query.ts';
import { recognise } from './recognise.ts';
import { editDistance } from './spelling.ts';

describe('recognise', () => {
  it.each([
    ['2404.09529', '2404.09529'],
    ['2404.09529v2', '2404.09529'],
    ['arXiv:2404.09529', '2404.09529'],
    ['https://arxiv.org/abs/2404.09529v1', '2404.09529'],
    ['arxiv.org/pdf/2404.09529.pdf', '2404.09529'],
    ['http://export.arxiv.org/abs/2404.09529?context=cs', '2404.09529'],
    ['https://huggingface.co/papers/2404.09529#community', '2404.09529'],
    ['hf.co/papers/2404.09529', '2404.09529'],
    ['https://www.alphaxiv.org/overview/2404.09529v1', '2404.09529'],
    ['doi: 10.48550/arXiv.2404.09529', '2404.09529'],
    ['https://www.alphaxiv.org/abs/2404.09529', '2404.09529'],
    ['https://doi.org/10.48550/arXiv.2404.09529', '2404.09529'],
    ['10.48550/arxiv.2404.09529', '2404.09529'],
    ['hep-th/9901001', 'hep-th/9901001'],
  ])('%s', (query, id) => expect(recognise(query)).toEqual({ kind: 'arxiv', id }));

  it.each([
    '',
    'attention',
    '3.14',
    'https://example.org/abs/2404.09529',
    '2404.09529 prepacking',
    '10.1145/3626202.3637562',
  ])('not %s', (query) => expect(recognise(query)).toBeUndefined());
});

describe('editDistance', () => {
  it.each([
    ['prepakcing', 'prepacking', 1],
    ['minlm', 'minilm', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['ca', 'abc', 3],
  ])('%s to %s is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance));

  it('is symmetric, zero for equals only, and at most one more for one more letter', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, fc.string({ minLength: 1, maxLength: 1 }), (a, b, letter) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b + letter)).toBeLessThanOrEqual(editDistance(a, b) + 1);
      }),
    );
  });
});

describe('fuse', () => {
  const keyword = [
    { paper: 1, score: 2, mass: 4 },
    { paper: 2, score: 1, mass: 1 },
  ];
  const semantic = [
    { paper: 3, whole: 0.5, best: 0.5, sentence: 'Near.' },
    { paper: 2, whole: 0.1, best: 0.1, sentence: null },
    { paper: 1, whole: 0.05, best: 0.05, sentence: null },
  ];

  it('is the keyword order without an encoder', () => {
    expect(fuse({ exact: new Map(), keyword, mass: 4 }).map((each) => [each.paper, each.score, each.matches])).toEqual([
      [1, 0.5, true],
      [2, 0.25, false],
    ]);
  });

  it('adds cosine and share of the keyword score', () => {
    const fused = fuse({ exact: new Map(), keyword, mass: 4, semantic }, { keyword: 1, cosine: 0.25, coverage: 0.34 });
    expect(fused.map((each) => each.paper)).toEqual([1, 3, 2]);
    expect(fused[0]!.score).toBeCloseTo(0.55, 12);
    expect(fused[1]).toMatchObject({ score: 0.5, matches: true, sentence: 'Near.' });
    expect(fused[2]).toMatchObject({ matches: false });
  });

  it('puts what the query names before everything', () => {
    const fused = fuse({ exact: new Map([[9, 'name']]), keyword, mass: 4, semantic });
    expect(fused[0]).toMatchObject({ paper: 9, exact: 'name', matches: true });
  });
});

it('cuts a query to 400 characters and 32 terms', () => {
  expect(readQuery('  Two Words ')).toEqual({ text: 'Two Words', terms: ['two', 'words'], truncated: false });
  expect(readQuery('x'.repeat(500))).toMatchObject({ text: 'x'.repeat(400), truncated: true });
  expect(readQuery(Array.from({ length: 40 }, (_, i) => `w${i}`).join(' ')).terms).toHaveLength(32);
});
