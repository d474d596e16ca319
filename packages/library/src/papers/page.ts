/** Reads a Daily Papers page that was copied as text. */
import { compact } from '../text.ts';
import type { PaperLink } from '../types.ts';
import { findLinks } from './links.ts';

export interface PagePaper {
  /** Line of the title, from 1. */
  line: number;
  title: string;
  abstract: string;
  authorCount: number;
  /** ISO date. */
  date: string;
  comments: number;
  links: PaperLink[];
}

export interface Unreadable {
  line: number;
  text: string;
  reason: string;
}

export interface ParsedPage {
  papers: PagePaper[];
  unreadable: Unreadable[];
}

/** The text is no Daily Papers page, or too large to be one. */
export class PageError extends Error {
  override name = 'PageError';
}

export const limits = {
  pageCharacters: 32_000_000,
  lineCharacters: 20_000,
  titleCharacters: 400,
  papers: 5_000,
} as const;

/** A stretch of lines without a blank one between them. */
interface Block {
  line: number;
  text: string;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const authorsLine = /^[•·*]?\s*(\d{1,6})\s+authors?$/i;
const dateLine = /^([A-Z][a-z]{2})[a-z]*\.?\s+(\d{1,2}),\s*(\d{4})(?:\s+(\d{1,7}))?$/;
/** What stands around the papers of a page. */
const furniture =
  /^(new|get trending papers in your email inbox!|subscribe|daily papers|by\s*ak and the research community|[a-z]{3} \d{1,2}|daily|weekly|monthly|trending|submitted by.*|upvote|\d+|-|previous|next|company|© hugging face|system theme|tos|privacy|about|careers|website|models|datasets|spaces|pricing|docs)$/i;

/**
 * Papers in the page's order. A paper is a title, an abstract (one or more paragraphs), "• N authors", "·" and a date with the
 * number of comments behind it if there are any. What cannot be read so is reported with its first line and the reason, and costs
 * nothing else. Throws {@link PageError} when there is no paper at all.
 */
export function parsePage(text: string): ParsedPage {
  if (text.length > limits.pageCharacters) {
    throw new PageError(
      `The page has ${text.length.toLocaleString('en')} characters; at most ${limits.pageCharacters.toLocaleString('en')} can be read. Import it in parts.`,
    );
  }
  // Postgres stores no NUL; other control characters are no text either.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
  const clean = text.replace(/^\uFEFF/, '').replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g, '');
  const lines = clean.split(/\r\n|\n|\r/);
  const lastFilled = lines.findLastIndex((line) => line.trim() !== '');
  const papers: PagePaper[] = [];
  const unreadable: Unreadable[] = [];
  const titles = new Map<string, number>();
  let blocks: Block[] = [];
  let block: Block | undefined;

  const give = (line: number, what: string, reason: string) =>
    unreadable.push({ line, text: what.length > 120 ? `${what.slice(0, 119)}…` : what, reason });

  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.length > limits.lineCharacters) {
      give(
        i + 1,
        line,
        `The line has ${line.length.toLocaleString('en')} characters; at most ${limits.lineCharacters.toLocaleString('en')} are read.`,
      );
      blocks = [];
      block = undefined;
      continue;
    }
    const trimmed = line.trim();
    if (trimmed === '') {
      block = undefined;
      continue;
    }
    const authors = authorsLine.exec(trimmed);
    if (!authors) {
      if (furniture.test(trimmed)) block = undefined;
      else if (block) block.text += ` ${trimmed}`;
      else {
        block = { line: i + 1, text: trimmed };
        blocks.push(block);
      }
      continue;
    }
    const end = readDate(lines, i + 1, lastFilled);
    const body = takeBody(blocks, i + 1, give);
    blocks = [];
    block = undefined;
    i = end.line;
    if (end.reason !== undefined) {
      if (body) give(body.line, body.title, end.reason);
      continue;
    }
    if (!body) continue;
    const key = compact(body.title);
    const before = titles.get(key);
    if (before !== undefined) {
      give(body.line, body.title, `The paper stands on the page twice; the one of line ${before} counts.`);
      continue;
    }
    titles.set(key, body.line);
    if (papers.length === limits.papers) {
      throw new PageError(`The page has more than ${limits.papers} papers. Import it in parts.`);
    }
    const authorCount = Number(authors[1]);
    papers.push({ ...body, authorCount, date: end.date, comments: end.comments, links: findLinks(body.abstract) });
  }
  for (const rest of blocks.slice(0, 1)) {
    give(rest.line, rest.text, 'The page ends before the authors and the date of this paper.');
  }
  if (papers.length === 0) throw new PageError(noPaper(unreadable));
  return { papers, unreadable };
}

function noPaper(unreadable: Unreadable[]): string {
  const first = unreadable[0];
  return [
    'This is not a Daily Papers page: no paper was found in it (a title, an abstract, "• 6 authors", "·", "May 10, 2024").',
    first ? ` Line ${first.line}: ${first.reason}` : '',
    ' Copy the whole page as text and import it again.',
  ].join('');
}

type DateLine = { line: number; date: string; comments: number; reason?: undefined } | { line: number; reason: string };

/**
 * The date that follows an authors line, past "·" and blank lines, and the last line that was read for it. Nothing but blank
 * lines stands behind `lastFilled`.
 */
function readDate(lines: string[], from: number, lastFilled: number): DateLine {
  let i = from;
  while (i < lines.length && /^[\s·•]*$/.test(lines[i]!)) i++;
  const text = lines[i]?.trim();
  if (text === undefined) return { line: i, reason: 'The page ends before the date of this paper.' };
  const match = dateLine.exec(text);
  if (!match) {
    // What begins like a date belongs here; anything else may be the next title.
    const line = text.length <= 30 && (i >= lastFilled || /^[A-Z][a-z]{2,8}\.?\s+\d/.test(text)) ? i : i - 1;
    return {
      line,
      reason: `A date like "May 10, 2024" was expected on line ${i + 1}; there is "${text.slice(0, 40)}".`,
    };
  }
  const [, monthName, day, year, comments] = match;
  const month = months.indexOf(monthName!.toLowerCase());
  const at = new Date(Date.UTC(Number(year), month, Number(day)));
  if (month < 0 || at.getUTCMonth() !== month || at.getUTCDate() !== Number(day) || Number(year) < 1990) {
    return { line: i, reason: `"${text}" on line ${i + 1} is no day of the calendar.` };
  }
  return { line: i, date: at.toISOString().slice(0, 10), comments: Number(comments ?? 0) };
}

/** A short line that ends no sentence, as titles are. */
const looksLikeTitle = (block: Block) => block.text.length <= 250 && !/[.,;:]$/.test(block.text);

/**
 * Title and abstract from the blocks before an authors line. A title-like block further down means that the end of the paper
 * before it is missing: that one is reported and the later one read.
 */
function takeBody(
  blocks: Block[],
  authors: number,
  give: (line: number, what: string, reason: string) => void,
): { line: number; title: string; abstract: string } | undefined {
  let begin = 0;
  for (let i = 1; i < blocks.length - 1; i++) {
    if (!looksLikeTitle(blocks[i]!)) continue;
    const lost = blocks[begin]!;
    give(
      lost.line,
      lost.text,
      `The authors and the date are missing before the next title on line ${blocks[i]!.line}.`,
    );
    begin = i;
  }
  const [title, ...paragraphs] = blocks.slice(begin);
  if (!title) {
    give(authors, '', 'A title and an abstract were expected before these authors.');
    return undefined;
  }
  if (paragraphs.length === 0) {
    give(title.line, title.text, 'One paragraph stands where a title and an abstract were expected.');
    return undefined;
  }
  if (title.text.length > limits.titleCharacters) {
    give(
      title.line,
      title.text,
      `A title has at most ${limits.titleCharacters} characters; this has ${title.text.length}.`,
    );
    return undefined;
  }
  return { line: title.line, title: title.text, abstract: paragraphs.map((paragraph) => paragraph.text).join('\n\n') };
}
