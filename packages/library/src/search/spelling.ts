import type { Library } from '../database/open.ts';
import { compact } from '../text.ts';

/** Edits (a letter more, less or other, two exchanged) between two words; optimal string alignment. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Edits that a word of this length may be away from what was meant. */
const tolerance = (word: string) => (word.length < 4 ? 0 : word.length < 8 ? 1 : 2);

interface Candidate {
  word: string;
  papers: number;
}

/** A longer query is a sentence: its unknown words are English that no paper uses rather than misspelt names. */
export const longestCorrected = 5;

/** Words of the shelf that the unknown ones may mean: the nearest, of equals the one that more papers have. */
export async function correct(library: Library, unknown: readonly string[]): Promise<Map<string, string>> {
  const corrections = new Map<string, string>();
  for (const word of unknown) {
    const reach = tolerance(word);
    if (reach === 0) continue;
    const { rows } = await library.pool.query<Candidate>(
      library.trigram
        ? `select word, papers from words where length(word) between $2 and $3 and similarity(word, $1) > 0.2
             order by similarity(word, $1) desc limit 50`
        : 'select word, papers from words where length(word) between $2 and $3 and $1 <> word',
      [word, word.length - reach, word.length + reach],
    );
    const best = nearest(word, rows, reach);
    if (best) corrections.set(word, best.word);
  }
  return corrections;
}

function nearest(word: string, candidates: readonly Candidate[], reach: number): Candidate | undefined {
  let best: (Candidate & { distance: number }) | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate.word);
    if (distance > reach) continue;
    const closer = !best || distance < best.distance || (distance === best.distance && candidate.papers > best.papers);
    if (closer) best = { ...candidate, distance };
  }
  return best;
}

/** The name on the shelf that a whole query nearly spells: "lm-infinit", "minlm"; undefined when none is near. */
export async function nearestName(library: Library, query: string): Promise<string | undefined> {
  const wanted = compact(query);
  const reach = tolerance(wanted);
  if (reach === 0 || wanted.length > 40) return undefined;
  const { rows } = await library.pool.query<Candidate>(
    `select name as word, count(*)::int as papers from names
      where kind in ('name', 'author') and length(name) between $1 and $2 and left(name, 1) = left($3, 1) group by name`,
    [wanted.length - reach, wanted.length + reach, wanted],
  );
  return nearest(wanted, rows, reach)?.word;
}

/** Whether a word of the shelf begins so. */
export async function beginsWord(library: Library, beginning: string): Promise<boolean> {
  const { rowCount } = await library.pool.query('select 1 from words where word >= $1 and word < $2 limit 1', [
    beginning,
    `${beginning}\u{10FFFF}`,
  ]);
  return (rowCount ?? 0) > 0;
}
