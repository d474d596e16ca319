/**
 * Puts texts of the same length together: no run then has any padding, so an embedding does not depend on its neighbours
 * and the attention kernel needs no mask. Longest first. Answers indices into `texts`.
 */
export function equalLengthBatches(
  texts: readonly { length: number }[],
  batchSize: number,
  tokensPerBatch: number,
): number[][] {
  const byLength = new Map<number, number[]>();
  for (const [index, { length }] of texts.entries()) {
    const group = byLength.get(length);
    if (group) group.push(index);
    else byLength.set(length, [index]);
  }
  const batches: number[][] = [];
  for (const [length, group] of [...byLength].sort(([one], [other]) => other - one)) {
    const size = Math.max(1, Math.min(batchSize, Math.floor(tokensPerBatch / length)));
    for (let start = 0; start < group.length; start += size) batches.push(group.slice(start, start + size));
  }
  return batches;
}
