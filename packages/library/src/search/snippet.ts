import { sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import { sentencesOf } from '../text.ts';
import { type Term, termTable, tsqueryOf } from './keyword.ts';

/** Characters of a snippet, about two lines. */
const longest = 320;
const sentencesTried = 24;

export interface SnippetSource {
  paper: number;
  abstract: string;
  /** The sentence nearest in meaning, when known. */
  sentence?: string;
}

/**
 * Per paper the sentence that matched, with the query's words between [[ and ]]: the sentence nearest in meaning, or, without
 * one, the sentence with most of the words, or the first.
 */
export async function snippetsOf(
  library: Library,
  sources: readonly SnippetSource[],
  terms: readonly Term[],
): Promise<Map<number, string>> {
  const sentences = sources.flatMap(({ paper, abstract, sentence }) =>
    (sentence ? [sentence] : sentencesOf(abstract).slice(0, sentencesTried)).map((text, order) => ({
      paper,
      order,
      // Brackets of the text itself would read as marks.
      text: text.replaceAll('[[', '[ [').replaceAll(']]', '] ]'),
    })),
  );
  const { rows } = await library.db.execute<{ paper: number; order: number; marked: string }>(sql`
    with query as (select coalesce(string_agg('(' || (${tsqueryOf})::text || ')', ' | '), '')::tsquery as query from ${termTable(terms)})
    select s.paper, s."order",
           case when numnode(q.query) = 0 then s.text
                else ts_headline('english', s.text, q.query, 'HighlightAll=true, StartSel=[[, StopSel=]]') end as marked
      from jsonb_to_recordset(${JSON.stringify(sentences)}::jsonb) as s(paper integer, "order" integer, text text), query q
     order by s.paper, s."order"`);
  const best = new Map<number, { marked: string; marks: number }>();
  for (const { paper, marked } of rows) {
    const marks = new Set([...marked.matchAll(/\[\[(.*?)\]\]/g)].map((match) => match[1]!.toLowerCase())).size;
    const before = best.get(paper);
    if (!before || marks > before.marks) best.set(paper, { marked, marks });
  }
  return new Map([...best].map(([paper, { marked }]) => [paper, shorten(marked)]));
}

/** Cuts a long sentence at words around its first mark. */
function shorten(marked: string): string {
  if (marked.length <= longest) return marked;
  const first = Math.max(0, marked.indexOf('[['));
  let begin = first > longest * 0.6 ? marked.indexOf(' ', first - longest / 3) + 1 : 0;
  if (begin <= 0 || begin > first) begin = 0;
  let end = marked.lastIndexOf(' ', begin + longest);
  if (end <= begin) end = begin + longest;
  let cut = marked.slice(begin, end);
  // A mark that was cut open is closed.
  if (cut.lastIndexOf('[[') > cut.lastIndexOf(']]')) cut += ']]';
  return `${begin > 0 ? '… ' : ''}${cut}${end < marked.length ? ' …' : ''}`;
}
