/** Which part of the data a row is in: train, validation, test. */
import { permutation, randomKey, uniformAt } from '../random.ts';
import { filtered } from './stages.ts';
import type { Stream } from './stream.ts';

/** Shares by name, in order, that add up to 1: `{ train: 0.8, validation: 0.1, test: 0.1 }`. */
export type Shares = Readonly<Record<string, number>>;

/**
 * The part of a group: a patient, a document, a site. It follows from the key, the seed and the shares alone, so rows of one group are
 * never in two parts, and data that come later move no group. Shares hold for the number of groups, on average.
 */
export function partOf(key: string | number, shares: Shares, seed: number): string {
  const names = checkedShares(shares);
  const draw = uniformAt(randomKey(seed, 'split', key), 0);
  let end = 0;
  for (const name of names) {
    end += shares[name]!;
    if (draw < end) return name;
  }
  // What rounding leaves above the sum.
  return names.findLast((name) => shares[name]! > 0)!;
}

/** Items by their part, in their order; see {@link partOf}. */
export function splitByGroup<T>(
  items: readonly T[],
  groupOf: (item: T) => string | number,
  shares: Shares,
  seed: number,
): Record<string, T[]> {
  const parts = Object.fromEntries(checkedShares(shares).map((name): [string, T[]] => [name, []]));
  for (const item of items) parts[partOf(groupOf(item), shares, seed)]!.push(item);
  return parts;
}

/** The items of a stream that are in one part; see {@link partOf}. */
export function onlyPart<T>(
  source: Stream<T>,
  groupOf: (item: T) => string | number,
  { part, shares, seed }: { part: string; shares: Shares; seed: number },
): Stream<T> {
  const names = checkedShares(shares);
  if (!names.includes(part))
    throw new RangeError(`There is no part "${part}" in ${names.join(', ')}. Name one of those.`);
  return filtered(source, (item) => partOf(groupOf(item), shares, seed) === part);
}

/** Items in a random order, cut by the shares of their number to the nearest item. Rows that belong together can part: see {@link splitByGroup}. */
export function splitByFraction<T>(items: readonly T[], shares: Shares, seed: number): Record<string, T[]> {
  const order = permutation(randomKey(seed, 'split'), items.length);
  let [begin, sum] = [0, 0];
  const parts = checkedShares(shares).map((name): [string, T[]] => {
    sum += shares[name]!;
    const end = Math.round(Math.min(1, sum) * items.length);
    const part = Array.from(order.subarray(begin, end), (index) => items[index]!);
    begin = end;
    return [name, part];
  });
  return Object.fromEntries(parts);
}

/** Names of the shares. Throws a RangeError unless they are shares of one whole. */
function checkedShares(shares: Shares): string[] {
  const sum = Object.values(shares).reduce((total, share) => total + share, 0);
  if (Object.values(shares).every((share) => share >= 0) && Math.abs(sum - 1) < 1e-9) return Object.keys(shares);
  throw new RangeError(
    `Shares are at least 0 and add up to 1; got ${JSON.stringify(shares)}, which adds up to ${sum}. Give each part its share of the whole.`,
  );
}
