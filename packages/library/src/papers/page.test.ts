import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foundingPage } from '../testing/shelf.ts';
import { limits, PageError, parsePage } from './page.ts';

const lines = foundingPage.split('\n');

describe('parsePage on the founding page', () => {
  const { papers, unreadable } = parsePage(foundingPage);

  it('reads 51 papers and leaves nothing over', () => {
    expect(papers).toHaveLength(51);
    expect(unreadable).toEqual([]);
  });

  it('finds title and abstract of every paper as they stand in the text, line by line', () => {
    // In this page a title is the paper's line, the abstract two lines below it, the authors four.
    for (const paper of papers) {
      expect(lines[paper.line - 1]).toBe(paper.title);
      expect(lines[paper.line + 1]).toBe(paper.abstract);
      expect(lines[paper.line + 3]).toBe(`  • ${paper.authorCount} authors`);
    }
  });

  it('has every date and comment count of the page', () => {
    const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
    const written = papers.map(({ date, comments }) => {
      const [year, month, day] = date.split('-').map(Number);
      return `${months[month! - 1]} ${day}, ${year}${comments ? ` ${comments}` : ''}`;
    });
    expect(written).toEqual(lines.filter((line) => /^[A-Z][a-z]{2} \d+, \d{4}/.test(line)));
    expect(papers.filter((paper) => paper.comments > 0)).toHaveLength(10);
  });

  it('reads single papers exactly', () => {
    expect(papers[0]).toMatchObject({
      line: 13,
      title:
        'DP-DyLoRA: Fine-Tuning Transformer-Based Models On-Device under Differentially Private Federated Learning using Dynamic Low-Rank Adaptation',
      authorCount: 6,
      date: '2024-05-10',
      comments: 0,
    });
    expect(papers[0]!.abstract.endsWith('a stringent privacy budget of ε=2.')).toBe(true);
    const gec = papers.find((paper) => paper.title.startsWith('"When Data is Scarce'))!;
    expect(gec.title).toBe(
      '"When Data is Scarce, Prompt Smarter"... Approaches to Grammatical Error Correction in Low-Resource Settings',
    );
    expect(papers.find((paper) => paper.title.startsWith('LM-Infinite'))).toMatchObject({
      comments: 4,
      authorCount: 6,
    });
    expect(papers.at(-1)).toMatchObject({ date: '2024-05-02', authorCount: 4, comments: 0 });
  });

  it('finds the links of the abstracts without the full stop behind them', () => {
    expect(papers.flatMap((paper) => paper.links.map((link) => [link.label, link.url]))).toEqual([
      ['Model', 'https://huggingface.co/microsoft/maira-2-sae'],
      ['Code', 'https://github.com/Strivin0311/long-llms-learning'],
      ['Code', 'https://github.com/microsoft/Swin-Transformer'],
      ['Project page', 'https://ma-lab-berkeley.github.io/CRATE'],
      ['Code', 'https://github.com/my625/PromptQG'],
      ['Code', 'https://github.com/neuralmagic/sparseml/tree/main/research/optimal_BERT_surgeon_oBERT'],
      ['Code', 'https://github.com/OswaldHe/HMT-pytorch'],
    ]);
  });
});

const paper = (title: string, abstract = `${title} is studied. It works.`) =>
  `${title}\n\n${abstract}\n\n  • 3 authors\n·\nMay 10, 2024 2\n\n`;

describe('parsePage on damaged pages', () => {
  it('reads every whole paper of a page cut at any place, and never a half one', () => {
    const whole = parsePage(foundingPage).papers;
    const byTitle = new Map(whole.map((each) => [each.title, each]));
    fc.assert(
      fc.property(fc.integer({ min: 4_000, max: foundingPage.length }), (cut) => {
        const { papers, unreadable } = parsePage(foundingPage.slice(0, cut));
        for (const each of papers) {
          const { comments: _, ...rest } = each;
          expect(byTitle.get(each.title)).toMatchObject(rest);
        }
        expect(unreadable.length).toBeLessThanOrEqual(1);
        const cutInPaper = whole.findIndex((each) => each.title === papers.at(-1)!.title) + 1;
        expect(papers).toHaveLength(cutInPaper);
      }),
      { numRuns: 60 },
    );
  });

  it('names the line where a cut page ends', () => {
    const cut = foundingPage.slice(0, foundingPage.indexOf('We further examine the influence'));
    expect(parsePage(cut).unreadable).toEqual([
      {
        line: 29,
        text: 'Insights into a radiology-specialised multimodal large language model with sparse autoencoders',
        reason: 'The page ends before the authors and the date of this paper.',
      },
    ]);
  });

  it('reports a paper whose authors and date are lost and reads the next', () => {
    const { papers, unreadable } = parsePage(
      `First Things First\n\nAn abstract. It ends.\n\n${paper('Second Things')}`,
    );
    expect(papers.map((each) => each.title)).toEqual(['Second Things']);
    expect(unreadable).toMatchObject([{ line: 1, text: 'First Things First' }]);
    expect(unreadable[0]!.reason).toContain('line 5');
  });

  it('reports impossible dates, missing titles and papers that stand twice', () => {
    const text = `${paper('A')}${paper('B').replace('May 10', 'Feb 30')}  • 2 authors\n·\nMay 1, 2024\n\n${paper('A', 'Other. Text.')}`;
    const { papers, unreadable } = parsePage(text);
    expect(papers.map((each) => each.title)).toEqual(['A']);
    expect(unreadable.map((each) => [each.line, each.reason])).toEqual([
      [9, '"Feb 30, 2024 2" on line 15 is no day of the calendar.'],
      [17, 'A title and an abstract were expected before these authors.'],
      [21, 'The paper stands on the page twice; the one of line 1 counts.'],
    ]);
  });

  it('keeps paragraphs of an abstract apart and joins wrapped lines', () => {
    const { papers } = parsePage(paper('Wrapped\ntitle', 'One line\nand its end.\n\nA second paragraph that ends.'));
    expect(papers[0]).toMatchObject({
      title: 'Wrapped title',
      abstract: 'One line and its end.\n\nA second paragraph that ends.',
    });
  });

  it('reads pages with Windows line ends, a byte order mark and control characters alike', () => {
    const odd = `\uFEFF${foundingPage.replaceAll('\n', '\r\n').replace('Federated', 'Fede\u0000rated')}`;
    expect(parsePage(odd).papers).toEqual(parsePage(foundingPage).papers);
  });

  it('refuses what is no Daily Papers page with a sentence', () => {
    for (const text of ['', '\n\n', 'Hello, world.', '<html><body>nothing</body></html>', 'x'.repeat(10_000_000)]) {
      expect(() => parsePage(text)).toThrow(PageError);
    }
    expect(() => parsePage('x'.repeat(10_000_000))).toThrow(
      /Line 1: The line has 10,000,000 characters; at most 20,000/,
    );
    expect(() => parsePage('x'.repeat(limits.pageCharacters + 1))).toThrow(/at most 32,000,000/);
  });

  it('survives a long line between papers', () => {
    const { papers, unreadable } = parsePage(`${paper('A')}${'y'.repeat(10_000_000)}\n\n${paper('B')}`);
    expect(papers.map((each) => each.title)).toEqual(['A', 'B']);
    expect(unreadable).toHaveLength(1);
  });
});
