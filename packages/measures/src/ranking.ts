import { checkCutoff } from './checks.ts';

/** A list of results, best first. An item that occurs again counts at its first place only. */
export type Ranking<Item> = readonly Item[];

export interface NdcgOptions {
  /** What a relevance of r is worth: r itself (as trec_eval does; the default), or 2^r - 1. */
  gain?: 'linear' | 'exponential';
}

/**
 * Normalised discounted cumulative gain of the first `k` results: gains divided by log2(rank + 1), summed, over the
 * best sum that the relevances allow (Järvelin and Kekäläinen, 2002). Items that are not in `relevance` are worth 0.
 * NaN where nothing is relevant.
 */
export function ndcg<Item>(
  ranked: Ranking<Item>,
  relevance: ReadonlyMap<Item, number>,
  k: number,
  options: NdcgOptions = {},
): number {
  checkCutoff('ndcg', k);
  for (const [item, value] of relevance) {
    if (!(value >= 0 && value < Infinity)) {
      throw new RangeError(`ndcg: relevances must be finite and not negative; that of '${String(item)}' is ${value}.`);
    }
  }
  const gain = (value: number) => (options.gain === 'exponential' ? 2 ** value - 1 : value);
  const cumulative = (values: number[]) =>
    values.slice(0, k).reduce((sum, value, i) => sum + gain(value) / Math.log2(i + 2), 0);
  const found = [...new Set(ranked)].map((item) => relevance.get(item) ?? 0);
  const ideal = [...relevance.values()].sort((a, b) => b - a);
  return cumulative(found) / cumulative(ideal);
}

/** The share of the relevant items among the first `k` results; NaN where nothing is relevant. */
export function recallAtK<Item>(ranked: Ranking<Item>, relevant: ReadonlySet<Item>, k: number): number {
  checkCutoff('recallAtK', k);
  const found = [...new Set(ranked)].slice(0, k).filter((item) => relevant.has(item));
  return found.length / relevant.size;
}

/** 1 / rank of the first relevant result, 0 when there is none. */
export function reciprocalRank<Item>(ranked: Ranking<Item>, relevant: ReadonlySet<Item>): number {
  const place = [...new Set(ranked)].findIndex((item) => relevant.has(item));
  return place < 0 ? 0 : 1 / (place + 1);
}

/** Mean reciprocal rank over queries. */
export function mrr<Item>(queries: readonly { ranked: Ranking<Item>; relevant: ReadonlySet<Item> }[]): number {
  if (queries.length === 0) throw new RangeError('mrr needs at least one query; got none.');
  return queries.reduce((sum, { ranked, relevant }) => sum + reciprocalRank(ranked, relevant), 0) / queries.length;
}
