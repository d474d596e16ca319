/** Throws a sentence unless there are at least `least` ids and each is a token of the vocabulary. */
export function checkIds(ids: readonly number[], vocabulary: number, least: number): void {
  if (ids.length < least) {
    throw new Error(`At least ${least} token${least === 1 ? ' is' : 's are'} needed; got ${ids.length}.`);
  }
  const odd = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (odd !== undefined) throw new Error(`${odd} is not a token id; the model has ${vocabulary} tokens.`);
}
