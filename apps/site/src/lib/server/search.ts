/** Search as pages and API give it: the library's answer, each result with its strip and the claims that share its words. */
import {
  type Library,
  listClaims,
  type SearchAnswer,
  type SearchOptions,
  type SearchResult,
  search,
  type Verdict,
} from '@working-papers/library';

export interface ShelfHit extends SearchResult {
  /** The paper's strip. */
  verdicts: Verdict[];
  /** At most two claims that say what was searched for; matched words between [[ and ]], as in the snippet. */
  claims: { id: string; statement: string; verdict: Verdict }[];
}

export interface ShelfAnswer extends SearchAnswer {
  results: ShelfHit[];
}

export async function searchShelf(library: Library, query: string, options: SearchOptions): Promise<ShelfAnswer> {
  const answer = await search(library, query, options);
  if (answer.results.length === 0) return { ...answer, results: [] };
  const slugs = new Set(answer.results.map(({ slug }) => slug));
  const claims = (await listClaims(library)).filter(({ slug }) => slugs.has(slug));
  const words = wordsOf(query);
  return {
    ...answer,
    results: answer.results.map((result) => {
      const own = claims.filter(({ slug }) => slug === result.slug);
      return {
        ...result,
        verdicts: own.map(({ verdict }) => verdict),
        claims: answer.near ? [] : matching(own, words),
      };
    }),
  };
}

/** Words of four letters and more, without a plural s. */
const wordsOf = (text: string): string[] => [
  ...new Set((text.toLowerCase().match(/\p{L}{4,}/gu) ?? []).slice(0, 32).map((word) => word.replace(/s$/, ''))),
];

function matching(claims: readonly { id: string; statement: string; verdict: Verdict }[], words: readonly string[]) {
  const enough = Math.min(2, words.length);
  return claims
    .map(({ id, statement, verdict }) => {
      const found = new Set<string>();
      const marked = statement.replace(/\p{L}{4,}/gu, (word) => {
        const match = words.find((wanted) => word.toLowerCase().startsWith(wanted));
        if (match) found.add(match);
        return match ? `[[${word}]]` : word;
      });
      return { id, statement: marked, verdict, shared: found.size };
    })
    .filter(({ shared }) => enough > 0 && shared >= enough)
    .sort((a, b) => b.shared - a.shared)
    .slice(0, 2)
    .map(({ shared: _, ...claim }) => claim);
}
