/** Guided decoding (arXiv 2103.11790, "Reducing the generation of toxic text"): which of the next tokens a direction lets through. */

export interface FilterOptions {
  /** Tokens that score above this are kept. */
  threshold: number;
  /** Survivors of the plain top-k that are scored at all (the paper: 50). */
  topK: number;
  /** When no more than this many are kept, the best-scored ones are kept instead (the paper: 5). */
  keepMin: number;
}

/** The ids of the `k` largest logits, largest first; ties go to the smaller id. */
export function topIds(logits: Float32Array, k: number): number[] {
  const heap = Array.from(logits.keys());
  if (k < heap.length / 8) {
    // One pass that keeps the best k in order: k is small beside the vocabulary.
    const best: number[] = [];
    for (const id of heap) {
      if (best.length === k && logits[id]! <= logits[best[k - 1]!]!) continue;
      let at = best.length;
      while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--;
      best.splice(at, 0, id);
      if (best.length > k) best.pop();
    }
    return best;
  }
  return heap.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, k);
}

/**
 * Positions (into `scores`) that survive: those above the threshold; when no more than keepMin are (<=, not <), the keepMin
 * best-scored, or all if there are fewer.
 */
export function keep(scores: readonly number[], { threshold, keepMin }: FilterOptions): number[] {
  const above = scores.flatMap((value, i) => (value > threshold ? [i] : []));
  if (above.length > keepMin) return above;
  return scores
    .map((_, i) => i)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, keepMin)
    .sort((a, b) => a - b);
}

/**
 * Positions (into `logits`) in the order in which they would be drawn without replacement from the softmax at `temperature`: by
 * falling logit / temperature + Gumbel noise (Kool et al., 2019, arXiv 1903.06059). The first of any subset in this order is a draw
 * from the softmax renormalised on that subset, so candidates need scoring only until the draw among the survivors is certain.
 */
export function drawOrder(logits: readonly number[], temperature: number, uniform: () => number): number[] {
  const keys = logits.map((logit) => logit / temperature - Math.log(-Math.log(Math.max(uniform(), 2 ** -53))));
  return keys.map((_, i) => i).sort((a, b) => keys[b]! - keys[a]! || a - b);
}

/** Candidates scored at first: one pass mostly suffices where most pass. */
const firstLook = 8;

/**
 * The survivor (see {@link keep}) that comes first in `order`. Scores candidates in that order, and only as many as it takes: once
 * more than keepMin lie above the threshold the first of them is certain. `all` scores every candidate, so that `kept` is known.
 */
export async function firstSurvivor(
  order: readonly number[],
  options: FilterOptions,
  scoresOf: (positions: readonly number[]) => Promise<readonly number[]>,
  all = false,
): Promise<{ chosen: number; scored: number; kept?: number }> {
  const { threshold, keepMin } = options;
  const scores: number[] = [];
  let above = 0;
  while (scores.length < order.length && (all || above <= keepMin)) {
    // As many as would pass the rest if the share that passed so far went on.
    const wanted = scores.length === 0 ? firstLook : Math.ceil(((keepMin + 1 - above) * scores.length) / (above + 0.5));
    const next = await scoresOf(order.slice(scores.length, all ? order.length : scores.length + Math.max(wanted, 4)));
    above += next.filter((value) => value > threshold).length;
    scores.push(...next);
  }
  if (above > keepMin && !all)
    return { chosen: order[scores.findIndex((value) => value > threshold)]!, scored: scores.length };
  const survivors = keep(scores, options);
  return { chosen: order[survivors[0]!]!, scored: scores.length, kept: survivors.length };
}

/** Sets every logit but the survivors' to -infinity, in place. */
export function restrict(logits: Float32Array, survivors: Iterable<number>): void {
  const kept = new Map<number, number>();
  for (const id of survivors) kept.set(id, logits[id]!);
  logits.fill(Number.NEGATIVE_INFINITY);
  for (const [id, value] of kept) logits[id] = value;
}
