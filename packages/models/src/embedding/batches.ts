/** Indices of texts by their length, the longest first. */
function byLength(texts: readonly { length: number }[]): [length: number, indices: number[]][] {
  const groups = new Map<number, number[]>();
  for (const [index, { length }] of texts.entries()) {
    const group = groups.get(length);
    if (group) group.push(index);
    else groups.set(length, [index]);
  }
  return [...groups].sort(([one], [other]) => other - one);
}

/**
 * Puts texts of the same length together: no run then has any padding, so an embedding does not depend on its neighbours
 * and the attention kernel needs no mask. Longest first. Answers indices into `texts`.
 */
export function equalLengthBatches(
  texts: readonly { length: number }[],
  batchSize: number,
  tokensPerBatch: number,
): number[][] {
  const batches: number[][] = [];
  for (const [length, group] of byLength(texts)) {
    const size = Math.max(1, Math.min(batchSize, Math.floor(tokensPerBatch / length)));
    for (let start = 0; start < group.length; start += size) batches.push(group.slice(start, start + size));
  }
  return batches;
}

/**
 * Puts texts of several lengths into runs of at most so many tokens (a longer text is a run of its own), in stacks of one length
 * each. Longest first. Answers the stacks of each run as indices into `texts`.
 */
export function packedBatches(
  texts: readonly { length: number }[],
  limits: { stacks: number; tokens: number; texts: number },
): number[][][] {
  const runs: number[][][] = [];
  let run: number[][] = [];
  let left = { tokens: limits.tokens, texts: limits.texts };
  const next = () => {
    runs.push(run);
    run = [];
    left = { tokens: limits.tokens, texts: limits.texts };
  };
  for (const [length, group] of byLength(texts)) {
    for (let start = 0; start < group.length; ) {
      if (run.length === limits.stacks || (run.length > 0 && (length > left.tokens || left.texts === 0))) next();
      const count = Math.max(1, Math.min(group.length - start, left.texts, Math.floor(left.tokens / length)));
      run.push(group.slice(start, start + count));
      left = { tokens: left.tokens - count * length, texts: left.texts - count };
      start += count;
    }
  }
  if (run.length > 0) next();
  return runs;
}
