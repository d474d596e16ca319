/** Any query gives papers, none, or a sentence: by word and by meaning, on the embedded database. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Library } from '../packages/library/src/database/open.ts';
import { fillEmbeddings } from '../packages/library/src/encoder/fill.ts';
import { getPaper, paperByArxiv } from '../packages/library/src/papers/detail.ts';
import { importPage } from '../packages/library/src/papers/import.ts';
import { listPapers } from '../packages/library/src/papers/list.ts';
import { registerPapers } from '../packages/library/src/papers/registration.ts';
import { recognise } from '../packages/library/src/search/recognise.ts';
import { search } from '../packages/library/src/search/search.ts';
import { similarPapers } from '../packages/library/src/search/similar.ts';
import { embeddedDatabase, type TestDatabase } from '../packages/library/src/testing/databases.ts';
import { foundingPage, hashEncoder, hashVector, registrations } from '../packages/library/src/testing/shelf.ts';
import { answerOrSentence, cases, long } from './hostile.ts';

let database: TestDatabase;
let library: Library;
beforeAll(async () => {
  database = await embeddedDatabase();
  library = await database.open();
  await registerPapers(library, registrations);
  await importPage(library, foundingPage, { source: 'seed', now: new Date('2026-01-02') });
  await fillEmbeddings(library, async (texts) => texts.map(hashVector), { model: 'hash' });
}, 120_000);
afterAll(async () => {
  await library?.close();
  await database?.remove();
});

const patience = long ? 900_000 : 60_000;
const operators = [
  '&',
  '|',
  '!',
  '<->',
  ':*',
  '"',
  "'",
  '\\',
  '(',
  ')',
  '%',
  '_',
  '--',
  ';',
  '$1',
  '{',
  '}',
  'arXiv:',
  '2404.09529v2',
  'https://arxiv.org/abs/',
  '10.48550/arXiv.',
  'prepacking',
  'the',
  'pre-packing',
  'ß',
  'İ',
  'ﬁ',
  '\u0301',
  '🌊',
  '\u0000',
  '\ud800',
  '\u202e',
  '\u00ad',
  '𝕬𝖉𝖆',
  '١٢',
  '中文',
];
const query = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc
    .array(fc.oneof(fc.constantFrom(...operators), fc.string({ maxLength: 12 })), { maxLength: 60 })
    .map((parts) => parts.join(' ')),
  fc.array(fc.constantFrom(...operators), { maxLength: 12 }).map((parts) => parts.join('')),
);
const text = fc.option(
  fc.oneof(
    fc.constantFrom('serving', '2024-05-10', '2024-02-31', '0000-01-01', '9999-12-31', '', '\u0000', '\ud800'),
    fc.string({ unit: 'binary', maxLength: 20 }),
  ),
  { nil: undefined },
);

describe('search', () => {
  it('answers any query under any filter', { timeout: patience }, async () => {
    await fc.assert(
      fc.asyncProperty(
        query,
        fc.record({ family: text, from: text, to: text, runsHere: fc.option(fc.boolean(), { nil: undefined }) }),
        fc.boolean(),
        async (words, filters, byMeaning) => {
          const answer = await answerOrSentence(words.length, () =>
            search(library, words, { ...filters, limit: 5, ...(byMeaning ? { encoder: hashEncoder } : {}) }),
          );
          for (const { slug, score, snippet } of answer?.results ?? []) {
            expect(slug).toMatch(/^[\p{L}\p{N}-]+$/u);
            expect(Number.isFinite(score)).toBe(true);
            expect(snippet.length).toBeLessThan(1_000);
          }
        },
      ),
      cases(150),
    );
  });

  it('finds the paper by its name whatever stands around it', { timeout: patience }, async () => {
    const noise = fc.string({
      unit: fc.constantFrom('&', '|', '!', '(', ')', '"', "'", ':', '*', '\\', ' ', '%', '<', '>', '-'),
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(noise, noise, async (before, after) => {
        const { results } = await search(library, `${before} prepacking ${after}`);
        expect(results[0]?.slug).toBe('prepacking');
      }),
      cases(60),
    );
  });

  it('takes very long queries in bounded time', { timeout: patience }, async () => {
    for (const words of [
      'a'.repeat(10_000_000),
      'ab '.repeat(3_000_000),
      '\u0301'.repeat(5_000_000),
      'https://'.repeat(1_000_000),
      '1234.'.repeat(1_000_000),
      '-'.repeat(5_000_000),
      ' '.repeat(5_000_000) + 'x',
    ])
      await answerOrSentence(words.length * 2, () => search(library, words, { encoder: hashEncoder }));
  });

  it('lists, papers and identifiers take any text', { timeout: patience }, async () => {
    await fc.assert(
      fc.asyncProperty(query, text, fc.constantFrom('latest', 'day', 'week', 'month'), async (any, date, view) => {
        recognise(any);
        // Pages and API refuse NULs before they come here, and a command line holds none.
        const words = any.replaceAll('\0', '');
        await answerOrSentence(words.length, () => getPaper(library, words));
        await answerOrSentence(words.length, () => paperByArxiv(library, words));
        await answerOrSentence(words.length, () => similarPapers(library, words));
        await answerOrSentence(words.length, () =>
          listPapers(library, {
            view: view as 'day',
            ...(date === undefined ? {} : { date }),
            cursor: words,
            family: any,
          }),
        );
      }),
      cases(80),
    );
  });
});
