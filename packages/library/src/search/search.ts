import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import type { Encode, SearchAnswer, SearchOptions, SearchResult } from '../types.ts';
import { findExact } from './exact.ts';
import { filtersOf, SearchError } from './filters.ts';
import { type Fused, fuse } from './fusion.ts';
import { type KeywordAnswer, searchKeywords, type Term } from './keyword.ts';
import { type Query, readQuery } from './query.ts';
import { recognise } from './recognise.ts';
import { searchMeaning } from './semantic.ts';
import { snippetsOf } from './snippet.ts';
import { beginsWord, correct, longestCorrected, nearestName } from './spelling.ts';

/** So many papers are offered when none matches. */
const nearest = 5;

/**
 * Papers for a query, by word and by meaning. A query that names a paper (arXiv id or link, title, method, author) gets it first;
 * misspelt words are read as the shelf's nearest (and reported); without an encoder, or when it takes longer than `waitMs`, the
 * answer goes by keyword and says why. Nothing that matches: the nearest papers, with `near`. Throws {@link SearchError} for a
 * filter, limit or offset that means nothing.
 */
export async function search(library: Library, query: string, options: SearchOptions = {}): Promise<SearchAnswer> {
  const { limit = 20, offset = 0 } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new SearchError(`A page of results holds 1 to 100; got ${limit}.`);
  }
  if (!Number.isInteger(offset) || offset < 0) throw new SearchError(`An offset is 0 or more results; got ${offset}.`);
  const filters = filtersOf(options);
  const read = readQuery(query);
  const marks = read.truncated ? { truncated: true } : {};
  if (read.terms.length === 0) {
    return { results: [], mode: 'keyword', reason: 'The query has no words.', total: 0, ...marks };
  }

  const link = recognise(query);
  if (link) return searchArxiv(library, link.id, filters, { limit, offset });

  const words = await readWords(library, read, filters);
  const meaning = await encode(words.text, options);
  const semantic = meaning.vector && (await searchMeaning(library, meaning.vector, filters));
  const covered = semantic === undefined || (await embeddedShare(library, filters));
  const byMeaning = semantic !== undefined && covered === true;
  const frequencies = new Map(words.terms.map((term, i) => [term.word, words.answer.frequencies[i] ?? 0]));
  const ranked = fuse({
    exact: await findExact(library, words.name ?? words.text, frequencies, filters),
    keyword: words.answer.hits,
    mass: words.mass,
    ...(byMeaning && { semantic }),
  });
  const matching = ranked.filter((paper) => paper.matches);
  const near = matching.length === 0 && ranked.length > 0;
  const all = near ? ranked.slice(0, nearest) : matching;
  return {
    results: await resultsOf(library, all.slice(offset, offset + limit), words.terms),
    mode: byMeaning ? 'fused' : 'keyword',
    ...(!byMeaning && {
      reason: meaning.reason ?? `${covered}, so search goes by keyword.`,
    }),
    ...(near && { near }),
    total: all.length,
    ...(words.corrected.length > 0 && { corrected: words.corrected }),
    ...marks,
  };
}

/** An arXiv id is looked up; words and meaning have nothing to add. */
async function searchArxiv(
  library: Library,
  id: string,
  filters: SQL,
  { limit, offset }: { limit: number; offset: number },
): Promise<SearchAnswer> {
  const found = [...(await findExact(library, id, new Map(), filters)).keys()];
  const ranked = found.map((paper): Fused => ({ paper, score: 10, exact: 'arxiv', matches: true }));
  return {
    results: await resultsOf(library, ranked.slice(offset, offset + limit), []),
    mode: 'keyword',
    reason: 'The query is an arXiv identifier, which needs no search by meaning.',
    total: ranked.length,
    arxiv: id,
  };
}

interface Words {
  terms: Term[];
  answer: KeywordAnswer;
  /** Sum of the terms' idf; the most that a paper's keyword score can be. */
  mass: number;
  /** The query with misspelt words put right. */
  text: string;
  /** A name that the whole query nearly spells. */
  name?: string;
  corrected: { from: string; to: string }[];
}

async function readWords(library: Library, query: Query, filters: SQL): Promise<Words> {
  let terms: Term[] = query.terms.map((word) => ({ word }));
  let answer = await searchKeywords(library, terms, filters);
  const unknown = terms.map((term) => term.word).filter((_, i) => answer.frequencies[i] === 0);
  const corrected: { from: string; to: string }[] = [];
  let text = query.text;
  let name: string | undefined;
  if (unknown.length > 0) {
    const last = query.terms.at(-1)!;
    const unfinished =
      unknown.includes(last) && last.length >= 2 && (await beginsWord(library, last)) ? last : undefined;
    const misspelt = query.terms.length > longestCorrected ? [] : unknown.filter((word) => word !== unfinished);
    const corrections = await correct(library, misspelt);
    if (query.terms.length <= 3 && !unfinished) name = await nearestName(library, query.text);
    for (const [from, to] of corrections) {
      corrected.push({ from, to });
      text = replaceWord(text, from, to);
    }
    if (corrections.size > 0 || unfinished) {
      const words = [...new Set(query.terms.map((word) => corrections.get(word) ?? word))];
      terms = words.map((word) => (word === unfinished ? { word, prefix: true } : { word }));
      answer = await searchKeywords(library, terms, filters);
    }
  }
  // A word that no paper has weighs as much as one that a single paper has: the query asked for it.
  const rarest = Math.max(1, ...answer.idf.filter((idf) => idf !== undefined));
  const mass = answer.idf.reduce<number>(
    (sum, idf, i) => sum + (idf === undefined ? 0 : answer.frequencies[i] === 0 ? rarest : idf),
    0,
  );
  return { terms, answer, mass, text, corrected, ...(name !== undefined && { name }) };
}

/** The text with one folded word exchanged wherever it stands, spelt and accented as it may be. */
function replaceWord(text: string, from: string, to: string): string {
  return text.replace(/[\p{L}\p{N}\p{M}]+/gu, (word) =>
    word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase() === from ? to : word,
  );
}

/** True when nearly all papers have their embedding; else a sentence's beginning. A few missing ones are found by word. */
async function embeddedShare(library: Library, filters: SQL): Promise<true | string> {
  const { rows } = await library.db.execute<{ embedded: number; total: number }>(sql`
    select count(e.paper)::int as embedded, count(*)::int as total
      from papers p left join registrations r on r.slug = p.registration left join embeddings e on e.paper = p.id and e.passage = 0
     where ${filters}`);
  const { embedded, total } = rows[0]!;
  return embedded >= 0.9 * total || `Only ${embedded} of ${total} papers have their embedding yet`;
}

async function encode(
  text: string,
  { encoder, waitMs }: SearchOptions,
): Promise<{ vector?: Float32Array; reason?: string }> {
  if (!encoder) return { reason: 'No encoder is set up, so search goes by keyword.' };
  try {
    const vector = await withinTime(encoder, text, waitMs);
    if (!vector) return { reason: 'The encoder is not ready yet, so search goes by keyword.' };
    // A cosine with it would be no number.
    if (!(Math.hypot(...vector) > 0))
      return { reason: 'The encoder finds no meaning in it, so search goes by keyword.' };
    return { vector };
  } catch (error) {
    return { reason: `The encoder cannot be used, so search goes by keyword: ${(error as Error).message}` };
  }
}

async function withinTime(
  encoder: Encode,
  text: string,
  waitMs: number | undefined,
): Promise<Float32Array | undefined> {
  const vector = encoder(text);
  if (waitMs === undefined) return vector;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${waitMs} ms.`)), waitMs);
  });
  vector.catch(() => {});
  return Promise.race([vector, late]).finally(() => clearTimeout(timer));
}

async function resultsOf(library: Library, page: readonly Fused[], terms: readonly Term[]): Promise<SearchResult[]> {
  if (page.length === 0) return [];
  const ids = JSON.stringify(page.map((fused) => fused.paper));
  const { rows } = await library.db.execute<{
    id: number;
    slug: string;
    title: string;
    abstract: string;
    date: string;
    family: string | null;
  }>(sql`
    select p.id::int as id, p.slug, p.title, p.abstract, p.date::text as date, r.family
      from papers p left join registrations r on r.slug = p.registration
     where p.id in (select jsonb_array_elements_text(${ids}::jsonb)::bigint)`);
  const papers = new Map(rows.map((row) => [row.id, row]));
  const there = page.filter((fused) => papers.has(fused.paper));
  const snippets = await snippetsOf(
    library,
    there.map(({ paper, sentence }) => ({
      paper,
      abstract: papers.get(paper)!.abstract,
      ...(sentence !== undefined && { sentence }),
    })),
    terms,
  );
  return there.map(({ paper, score, exact }) => {
    const { slug, title, date, family } = papers.get(paper)!;
    return {
      slug,
      title,
      score,
      snippet: snippets.get(paper) ?? '',
      date,
      ...(family !== null && { family }),
      ...(exact && { exact }),
    };
  });
}
