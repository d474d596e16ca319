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

/** Sets every logit but the survivors' to -infinity, in place. */
export function restrict(logits: Float32Array, survivors: Iterable<number>): void {
  const kept = new Map<number, number>();
  for (const id of survivors) kept.set(id, logits[id]!);
  logits.fill(Number.NEGATIVE_INFINITY);
  for (const [id, value] of kept) logits[id] = value;
}
