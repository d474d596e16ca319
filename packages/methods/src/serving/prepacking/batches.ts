/** How a pile of prompts becomes dense batches: the paper's method and the three ways it is measured against. */
import { type Packing, type Plan, planPacking, planPadded } from './packing.ts';
import type { Strategy } from './parameters.ts';

export interface BatchOptions {
  /** Prompts a batch. */
  batch: number;
  packing: Packing;
  /** Row capacity as a multiple of the longest prompt that is packed together. */
  capacityFactor: number;
}

/**
 * The batches of a strategy over prompts of these lengths, each a plan over indices into `lengths`:
 * - padded: in the order given, each batch padded to its longest prompt ("full batching", the default elsewhere);
 * - sorted: by length first, then as padded ("length-ordered batching": the honest rival);
 * - prepack: in the order given, each batch packed;
 * - dataset: everything packed once, then as many rows a batch as hold about `batch` prompts.
 */
export function batchesOf(strategy: Strategy, lengths: readonly number[], options: BatchOptions): Plan[] {
  const order = lengths.map((_, prompt) => prompt);
  if (strategy === 'sorted') order.sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  if (strategy === 'dataset') return packWhole(lengths, options);
  const plans: Plan[] = [];
  for (let at = 0; at < order.length; at += options.batch) {
    const members = order.slice(at, at + options.batch);
    plans.push(strategy === 'prepack' ? pack(lengths, members, options) : planPadded(lengths, members));
  }
  return plans.filter((plan) => plan.rows.length > 0);
}

function pack(lengths: readonly number[], members: readonly number[], options: BatchOptions): Plan {
  const local = members.map((prompt) => lengths[prompt]!);
  const capacity = Math.floor(options.capacityFactor * Math.max(...local));
  const plan = planPacking(local, { packing: options.packing, capacity });
  return { ...plan, rows: plan.rows.map((row) => ({ ...row, prompts: row.prompts.map((i) => members[i]!) })) };
}

function packWhole(lengths: readonly number[], options: BatchOptions): Plan[] {
  // The exact search is for a batch; a whole pile is packed greedily.
  const packing = options.packing === 'exact' ? 'bfd' : options.packing;
  const whole = pack(
    lengths,
    lengths.map((_, prompt) => prompt),
    { ...options, packing },
  );
  const plans: Plan[] = [];
  let rows: Plan['rows'] = [];
  const close = () => {
    const width = rows.reduce((widest, row) => Math.max(widest, row.length), 0);
    const tokens = rows.reduce((sum, row) => sum + row.length, 0);
    if (rows.length > 0) plans.push({ ...whole, rows, width, tokens, fill: tokens / (rows.length * width) });
    rows = [];
  };
  for (const row of whole.rows) {
    rows.push(row);
    if (rows.reduce((sum, r) => sum + r.prompts.length, 0) >= options.batch) close();
  }
  close();
  return plans;
}

/** Slots of all batches, padding included. */
export const slotsOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.rows.length * plan.width, 0);
export const rowsOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.rows.length, 0);
export const tokensOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.tokens, 0);
