import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import { isDay } from '../days.ts';
import { isFamily } from '../search/filters.ts';
import type { ListOptions, PaperList, PaperSummary } from '../types.ts';
import { selectSummaries } from './summary.ts';

/** A list was asked for with a date, cursor or limit that means nothing. */
export class ListError extends Error {
  override name = 'ListError';
}

/** Most papers of one day, week or month. */
const mostInView = 500;

/**
 * The shelf by date, newest first: `latest` page by page with cursors, or a whole day, week (Monday to Sunday) or month with the
 * nearest earlier and later date that has papers under the same filters. Throws {@link ListError} with a sentence.
 */
export async function listPapers(library: Library, options: ListOptions): Promise<PaperList> {
  const filters = filtersOf(options);
  return options.view === 'latest' ? listLatest(library, options, filters) : listPeriod(library, options, filters);
}

function filtersOf({ family, runsHere, commented }: ListOptions): SQL {
  const parts = [sql`true`];
  if (family) parts.push(isFamily(family));
  if (runsHere) parts.push(sql`r.built`);
  if (commented) parts.push(sql`p.comments > 0`);
  return sql.join(parts, sql` and `);
}

const joined = sql`papers p left join registrations r on r.slug = p.registration`;

async function count(library: Library, where: SQL): Promise<number> {
  const { rows } = await library.db.execute<{ n: number }>(
    sql`select count(*)::int as n from ${joined} where ${where}`,
  );
  return rows[0]!.n;
}

function group(papers: PaperSummary[]): PaperList['groups'] {
  const groups: PaperList['groups'] = [];
  for (const paper of papers) {
    if (groups.at(-1)?.date !== paper.date) groups.push({ date: paper.date, papers: [] });
    groups.at(-1)!.papers.push(paper);
  }
  return groups;
}

const newestFirst = sql`p.date desc, p.slug asc`;
const oldestFirst = sql`p.date asc, p.slug desc`;

/** A cursor names the paper it stands behind: `after~2024-05-10~slug` reads on, `before~...` reads back. */
function readCursor(cursor: string | undefined) {
  if (!cursor) return undefined;
  const match = /^(after|before)~(\d{4}-\d{2}-\d{2})~([\p{L}\p{N}-]{1,100})$/u.exec(cursor);
  if (!match || !isDay(match[2]!)) {
    throw new ListError(`"${cursor.slice(0, 80)}" is no cursor of this list. Start again without one.`);
  }
  return { direction: match[1] as 'after' | 'before', date: match[2]!, slug: match[3]! };
}

async function listLatest(library: Library, options: ListOptions, filters: SQL): Promise<PaperList> {
  const limit = options.limit ?? 50;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new ListError(`A page holds 1 to 100 papers; got ${options.limit}.`);
  }
  const cursor = readCursor(options.cursor);
  const behind = (date: string, slug: string) =>
    sql`(p.date < ${date}::date or (p.date = ${date}::date and p.slug > ${slug}))`;
  const ahead = (date: string, slug: string) =>
    sql`(p.date > ${date}::date or (p.date = ${date}::date and p.slug < ${slug}))`;
  let papers: PaperSummary[];
  if (cursor?.direction === 'before') {
    const where = sql`${filters} and ${ahead(cursor.date, cursor.slug)}`;
    papers = (await selectSummaries(library, where, oldestFirst, limit)).reverse();
  } else {
    const where = cursor ? sql`${filters} and ${behind(cursor.date, cursor.slug)}` : filters;
    papers = await selectSummaries(library, where, newestFirst, limit);
  }
  const first = papers[0];
  const last = papers.at(-1);
  const earlier = last && (await count(library, sql`${filters} and ${behind(last.date, last.slug)}`)) > 0;
  const later = first && (await count(library, sql`${filters} and ${ahead(first.date, first.slug)}`)) > 0;
  return {
    view: 'latest',
    groups: group(papers),
    ...(later && { previous: `before~${first.date}~${first.slug}` }),
    ...(earlier && { next: `after~${last.date}~${last.slug}` }),
    total: await count(library, filters),
  };
}

async function listPeriod(library: Library, options: ListOptions, filters: SQL): Promise<PaperList> {
  const newest = await library.db.execute<{ date: string | null }>(
    sql`select max(p.date)::text as date from ${joined} where ${filters}`,
  );
  const { from, to } = period(
    options.view,
    options.date ?? newest.rows[0]!.date ?? new Date().toISOString().slice(0, 10),
  );
  const within = sql`${filters} and p.date between ${from}::date and ${to}::date`;
  const papers = await selectSummaries(library, within, newestFirst, mostInView);
  const { rows } = await library.db.execute<{ previous: string | null; next: string | null }>(
    sql`select max(p.date) filter (where p.date < ${from}::date)::text as previous,
               min(p.date) filter (where p.date > ${to}::date)::text as next from ${joined} where ${filters}`,
  );
  const { previous, next } = rows[0]!;
  return {
    view: options.view,
    from,
    to,
    groups: group(papers),
    ...(previous && { previous }),
    ...(next && { next }),
    total: papers.length < mostInView ? papers.length : await count(library, within),
  };
}

const isoOf = (at: Date) => at.toISOString().slice(0, 10);

/** First and last day of the view that a date lies in. */
function period(view: ListOptions['view'], date: string): { from: string; to: string } {
  const day = view === 'month' && /^\d{4}-\d{2}$/.test(date) ? `${date}-01` : date;
  if (!isDay(day)) {
    const form = view === 'month' ? 'YYYY-MM or YYYY-MM-DD' : 'YYYY-MM-DD';
    throw new ListError(`"${date.slice(0, 40)}" is no date; a ${view} is given as ${form}, for example 2024-05-10.`);
  }
  const at = new Date(`${day}T00:00:00Z`);
  if (view === 'day') return { from: day, to: day };
  if (view === 'week') {
    const monday = new Date(at);
    monday.setUTCDate(at.getUTCDate() - ((at.getUTCDay() + 6) % 7));
    const sunday = new Date(monday);
    sunday.setUTCDate(monday.getUTCDate() + 6);
    return { from: isoOf(monday), to: isoOf(sunday) };
  }
  return { from: `${day.slice(0, 7)}-01`, to: isoOf(new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0))) };
}
