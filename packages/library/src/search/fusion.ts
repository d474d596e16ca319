import { type Exact, exactRank } from './exact.ts';
import type { KeywordHit } from './keyword.ts';
import { type SemanticHit, similarityOf } from './semantic.ts';

export interface FusionInput {
  exact: ReadonlyMap<number, Exact>;
  keyword: readonly KeywordHit[];
  /** Sum of the idf of all terms of the query; unknown ones count as the rarest. */
  mass: number;
  /** Undefined without an encoder. */
  semantic?: readonly SemanticHit[];
}

export interface Fused {
  paper: number;
  score: number;
  exact?: Exact;
  /** Whether it is a match at all, or only the nearest there is. */
  matches: boolean;
  sentence?: string;
}

/** What the fusion is made of; tuned on one half of eval/queries.json, reported on the other. */
export interface FusionSettings {
  /** Weight of the keyword score (0 to 1, the share of the query's idf that the paper is about) beside a cosine. */
  keyword: number;
  /** Cosine from which a paper is a match by meaning alone. */
  cosine: number;
  /** Share of the query's idf from which it is a match by words alone. */
  coverage: number;
}

export const fusionSettings: FusionSettings = { keyword: 1, cosine: 0.25, coverage: 0.34 };

/**
 * One ranking out of two. Papers that the query names come first. The others are ordered by cosine plus a share of the keyword
 * score: both are on absolute scales, so that each is trusted as far as it has found something. A query of rare words that one
 * paper has gets a keyword score near 1 and decides; a paraphrase shares common words with many papers, which lifts none much.
 */
export function fuse({ exact, keyword, mass, semantic }: FusionInput, settings = fusionSettings): Fused[] {
  const papers = new Map<number, Fused>();
  const paperOf = (paper: number): Fused => {
    let fused = papers.get(paper);
    if (!fused) {
      fused = { paper, score: 0, matches: false };
      papers.set(paper, fused);
    }
    return fused;
  };
  for (const hit of keyword) {
    const fused = paperOf(hit.paper);
    fused.score += (semantic ? settings.keyword : 1) * (mass > 0 ? hit.score / mass : 0);
    if (mass > 0 && hit.mass / mass >= settings.coverage) fused.matches = true;
  }
  for (const hit of semantic ?? []) {
    const fused = paperOf(hit.paper);
    const similarity = similarityOf(hit);
    fused.score += similarity;
    if (hit.sentence) fused.sentence = hit.sentence;
    if (similarity >= settings.cosine) fused.matches = true;
  }
  for (const [paper, reason] of exact) {
    const fused = paperOf(paper);
    fused.exact = reason;
    fused.score += 10 * exactRank[reason];
    fused.matches = true;
  }
  return [...papers.values()].sort((a, b) => b.score - a.score || a.paper - b.paper);
}
