/** The importer of Daily Papers pages: whatever is pasted, papers and reasons come out, or one sentence, soon. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits, parsePage } from '../packages/library/src/papers/page.ts';
import { answerOrSentence, byteEdits, cases, expectSentenceText, long, spoilBytes } from './hostile.ts';

const page = readFileSync(new URL('../seed/daily-papers.txt', import.meta.url), 'utf8');
const lines = page.split('\n');
const patience = long ? 600_000 : 30_000;

/** Parses, and checks what every answer must be. */
const check = (text: string) =>
  answerOrSentence(text.length * 2, () => {
    const { papers, unreadable } = parsePage(text);
    const titles = new Set(papers.map(({ title }) => title));
    expect(titles.size).toBe(papers.length);
    for (const { title, abstract, date, authorCount, comments } of papers) {
      expect(title.trim()).not.toBe('');
      expect(abstract.trim()).not.toBe('');
      expect(`${title}${abstract}`).not.toContain('\u0000');
      expect(new Date(date).toISOString()).toContain(date);
      expect(authorCount + comments).toBeGreaterThanOrEqual(0);
    }
    // A page of 10 MB has millions of them, all of a few kinds.
    for (const { line, reason } of unreadable.slice(0, 1_000)) {
      expect(line).toBeGreaterThan(0);
      expectSentenceText(reason);
    }
    return papers;
  });

describe('a page', () => {
  it('cut anywhere keeps the papers that are whole', { timeout: patience }, async () => {
    const whole = (await check(page))!;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: page.length }), async (end) => {
        const papers = (await check(page.slice(0, end))) ?? [];
        // All but the one that is cut are as they were; its date may be cut to another comment count.
        for (const [i, paper] of papers.slice(0, -1).entries()) expect(paper).toEqual(whole[i]);
      }),
      cases(150),
    );
  });

  it('with bytes spoilt', { timeout: patience }, async () => {
    const bytes = Buffer.from(page);
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        await check(Buffer.from(spoilBytes(bytes, edits)).toString('utf8'));
      }),
      cases(150),
    );
  });

  it('with lines shuffled, doubled, left out, or strange ones between', { timeout: patience }, async () => {
    const strange = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constantFrom(
        '  • 3 authors',
        '·',
        'May 10, 2024',
        'May 10, 20241',
        'Feb 31, 2024',
        '-',
        '12',
        '\u2028',
        '\u0000',
        '\ufeff',
        '\r',
        '• 999999 authors',
      ),
      fc.constantFrom(...lines),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(strange, { maxLength: 60 }), async (some) => {
        await check(some.join('\n'));
      }),
      cases(500),
    );
  });

  const huge = 10_000_000;
  const repeated = (text: string) => text.repeat(Math.ceil(huge / text.length));
  const large: [string, string][] = [
    ['one line', 'x'.repeat(huge)],
    ['blank lines', '\n'.repeat(huge)],
    ['short blocks', repeated('a\n\n')],
    ['authors lines alone', repeated('  • 3 authors\n')],
    ['authors lines and short lines', repeated('• 3 authors\nxx\n')],
    ['lines of spaces before authors', repeated(`${' '.repeat(limits.lineCharacters - 20)}3 author\n`)],
    ['lines of spaces inside authors', repeated(`3${' '.repeat(limits.lineCharacters - 20)}authorsx\n`)],
    ['dots after authors', `• 3 authors\n${'·\n'.repeat(huge / 2)}`],
    ['titles before authors', `${repeated('Aa\n\n')}• 3 authors\n·\nMay 10, 2024\n`],
    ['one abstract', `Title\n\n${repeated('word word\n')}\n\n• 3 authors\n·\nMay 10, 2024\n`],
    [
      'addresses',
      `Title\n\n${repeated(`https://github.com/a/b${'.'.repeat(9_000)})\n`)}\n\n• 3 authors\n·\nMay 10, 2024\n`,
    ],
  ];
  it.each(large)('of 10 MB: %s', { timeout: 30_000 }, async (_, text) => {
    await check(text);
  });
});
