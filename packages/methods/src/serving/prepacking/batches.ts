/** How a pile of prompts becomes batches: the paper's method and the ways it is measured against. */
import { packRows } from './ilp.ts';
import { longestOf, type Packing, type Plan, planPadded } from './packing.ts';
import type { Strategy } from './parameters.ts';

export interface BatchOptions {
  /** Prompts a batch. */
  batch: number;
  packing: Packing;
  /** Row capacity as a multiple of the longest prompt that is packed together. */
  capacityFactor: number;
  /** Seconds that the integer program may take a batch. */
  packingSeconds?: number;
}

/**
 * The batches of a strategy over prompts of these lengths, each a plan over indices into `lengths`:
 * - padded: in the order given, each batch padded to its longest prompt ("full batching", the default elsewhere);
 * - sorted: by length first, then as padded ("length-ordered batching": the honest rival);
 * - prepack: in the order given, each batch packed;
 * - alone: one prompt at a time, no batch at all: what costs no padding where one prompt keeps the machine busy;
 * - dataset: everything packed once, then as many rows a batch as hold about `batch` prompts.
 */
export async function batchesOf(
  strategy: Strategy,
  lengths: readonly number[],
  options: BatchOptions,
): Promise<Plan[]> {
  const order = lengths.map((_, prompt) => prompt);
  if (strategy === 'sorted') order.sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  if (strategy === 'dataset') return packWhole(lengths, options);
  const size = strategy === 'alone' ? 1 : options.batch;
  const plans: Plan[] = [];
  for (let at = 0; at < order.length; at += size) {
    const members = order.slice(at, at + size);
    plans.push(strategy === 'prepack' ? await packTogether(lengths, members, options) : planPadded(lengths, members));
  }
  return plans.filter((plan) => plan.rows.length > 0);
}

/** `members` of the prompts packed: rows hold as many tokens as the longest of them, times the capacity factor. */
export async function packTogether(
  lengths: readonly number[],
  members: readonly number[],
  options: Omit<BatchOptions, 'batch'>,
): Promise<Plan> {
  const local = members.map((prompt) => lengths[prompt]!);
  const plan = await packRows(local, {
    packing: options.packing,
    capacity: Math.floor(options.capacityFactor * longestOf(local)),
    seconds: options.packingSeconds,
  });
  return { ...plan, rows: plan.rows.map((row) => ({ ...row, prompts: row.prompts.map((i) => members[i]!) })) };
}

async function packWhole(lengths: readonly number[], options: BatchOptions): Promise<Plan[]> {
  // The searches are for a batch; a whole pile is packed greedily.
  const packing = options.packing === 'exact' || options.packing === 'ilp' ? 'bfd' : options.packing;
  const all = lengths.map((_, prompt) => prompt);
  const whole = await packTogether(lengths, all, { ...options, packing });
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

/** The batch with the most slots, which decides how much memory a strategy needs. */
export const largestOf = (plans: readonly Plan[]): Plan =>
  plans.reduce((largest, plan) => (slotsOf([plan]) > slotsOf([largest]) ? plan : largest));

/** Slots of all batches, padding included. */
export const slotsOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.rows.length * plan.width, 0);
export const rowsOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.rows.length, 0);
export const tokensOf = (plans: readonly Plan[]) => plans.reduce((sum, plan) => sum + plan.tokens, 0);
