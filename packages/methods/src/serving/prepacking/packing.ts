/**
 * Bin packing of prompt lengths into rows (method section of arXiv 2404.09529: "offline bin packing" of the prompts of a batch).
 * Pure functions over lengths; useful alone to anyone who trains or serves with packed sequences.
 */

export const packings = ['bfd', 'ffd', 'exact', 'ilp'] as const;
/** Best-fit decreasing, first-fit decreasing, the least number of rows by branch and bound, or by an integer program (ilp.ts). */
export type Packing = (typeof packings)[number];

/** The exact search is exponential in the worst case; past this many prompts a greedy packing is what one wants. */
export const exactLimit = 24;

export interface Row {
  /** Indices of the prompts, in the order in which they lie in the row. */
  prompts: number[];
  /** starts[t] is where prompts[t] begins. */
  starts: number[];
  /** Slots filled: the sum of the lengths. */
  length: number;
}

export interface Plan {
  /** 'none': a prompt a row, padded to the longest. */
  packing: Packing | 'none';
  /** No row is longer than this, in tokens. */
  capacity: number;
  rows: Row[];
  /** The longest row R, in tokens: what a dense batch of the rows is padded to. */
  width: number;
  /** Tokens that are prompts. */
  tokens: number;
  /** tokens / (rows x width): 1 means that no slot is padding. */
  fill: number;
  /** What the reader should know of how it was made. */
  note?: string;
}

export interface PackingOptions {
  packing?: Exclude<Packing, 'ilp'>;
  /** Tokens a row may hold; the longest length by default. */
  capacity?: number;
}

/**
 * Places every length into a row so that no row exceeds the capacity. Lengths of 0 need no place and are in no row.
 * Throws a RangeError for a length that is not a whole number of tokens or exceeds the capacity.
 */
export function planPacking(lengths: readonly number[], options: PackingOptions = {}): Plan {
  const packing = options.packing ?? 'bfd';
  const capacity = options.capacity ?? longestOf(lengths);
  const items = itemsOf(lengths, capacity);
  if (packing === 'exact' && items.length > exactLimit)
    throw new RangeError(
      `The exact packing takes at most ${exactLimit} prompts; got ${items.length}. Choose 'bfd', 'ffd' or 'ilp'.`,
    );
  const bins = packing === 'exact' ? packExactly(items, capacity) : packGreedily(items, capacity, packing);
  return planOf(bins, packing, capacity);
}

export const longestOf = (lengths: readonly number[]) => lengths.reduce((a, b) => Math.max(a, b), 0);

/** Bins of items as rows of a plan. */
export function planOf(bins: readonly (readonly Item[])[], packing: Packing, capacity: number): Plan {
  const rows = bins.map((bin) => {
    const row: Row = { prompts: [], starts: [], length: 0 };
    for (const { prompt, length } of bin) {
      row.prompts.push(prompt);
      row.starts.push(row.length);
      row.length += length;
    }
    return row;
  });
  const width = rows.reduce((widest, row) => Math.max(widest, row.length), 0);
  const tokens = rows.reduce((sum, row) => sum + row.length, 0);
  return { packing, capacity, rows, width, tokens, fill: rows.length === 0 ? 1 : tokens / (rows.length * width) };
}

export interface Item {
  length: number;
  prompt: number;
}

/** What needs a place, by decreasing length. Throws as `planPacking` does. */
export function itemsOf(lengths: readonly number[], capacity: number): Item[] {
  lengths.forEach((length, index) => {
    if (!Number.isInteger(length) || length < 0)
      throw new RangeError(`Length ${index} is ${length}; a length is a whole number of tokens, 0 or more.`);
    if (length > capacity)
      throw new RangeError(
        `Prompt ${index} has ${length} tokens and a row holds ${capacity}. Raise the capacity or leave this prompt out.`,
      );
  });
  return lengths
    .map((length, prompt) => ({ length, prompt }))
    .filter((item) => item.length > 0)
    .sort((a, b) => b.length - a.length || a.prompt - b.prompt);
}

const load = (bin: readonly Item[]) => bin.reduce((sum, item) => sum + item.length, 0);

/** Takes items by decreasing length; 'bfd' puts each into the fullest bin that still fits, 'ffd' into the first. */
function packGreedily(items: readonly Item[], capacity: number, packing: 'bfd' | 'ffd'): Item[][] {
  const bins: Item[][] = [];
  const loads: number[] = [];
  for (const item of items) {
    let chosen = -1;
    for (let bin = 0; bin < bins.length; bin++) {
      if (loads[bin]! + item.length > capacity) continue;
      if (chosen < 0 || loads[bin]! > loads[chosen]!) chosen = bin;
      if (packing === 'ffd') break;
    }
    if (chosen < 0) {
      chosen = bins.length;
      bins.push([]);
      loads.push(0);
    }
    bins[chosen]!.push(item);
    loads[chosen]! += item.length;
  }
  return bins;
}

/**
 * The least number of bins. Depth first over items by decreasing length; a branch is cut when it cannot use fewer bins than the
 * best packing so far, and bins with equal room are tried once.
 */
function packExactly(items: readonly Item[], capacity: number): Item[][] {
  let best = packGreedily(items, capacity, 'bfd');
  const least = Math.ceil(load(items) / capacity);
  const bins: Item[][] = [];
  const loads: number[] = [];
  const place = (next: number, remaining: number): void => {
    if (best.length === least) return;
    const item = items[next];
    if (!item) {
      if (bins.length < best.length) best = bins.map((bin) => [...bin]);
      return;
    }
    const room = loads.reduce((sum, filled) => sum + capacity - filled, 0);
    if (bins.length + Math.max(0, Math.ceil((remaining - room) / capacity)) >= best.length) return;
    const tried = new Set<number>();
    for (let bin = 0; bin < bins.length; bin++) {
      const filled = loads[bin]!;
      if (filled + item.length > capacity || tried.has(filled)) continue;
      tried.add(filled);
      bins[bin]!.push(item);
      loads[bin] = filled + item.length;
      place(next + 1, remaining - item.length);
      bins[bin]!.pop();
      loads[bin] = filled;
    }
    if (bins.length + 1 < best.length) {
      bins.push([item]);
      loads.push(item.length);
      place(next + 1, remaining - item.length);
      bins.pop();
      loads.pop();
    }
  };
  if (items.length > 0) place(0, load(items));
  return best;
}

/** What the cost model needs to know of a decoder. */
export interface PrefillShape {
  /** P: parameters without the embeddings. */
  parameters: number;
  layers: number;
  heads: number;
  headDim: number;
}

/**
 * Floating-point operations of a pass over a plan: 2 P for every slot, padding included, and c = 4 layers heads headDim for every
 * pair of tokens that attention multiplies. A dense mask pays for all pairs of a row, rows (2 P R + c R^2); segments pay for the
 * pairs of each prompt, and of a padded row, which is one segment, for all of them.
 */
export function prefillFlops(plan: Plan, shape: PrefillShape, attention: 'dense' | 'segments'): number {
  const c = 4 * shape.layers * shape.heads * shape.headDim;
  return 2 * shape.parameters * plan.rows.length * plan.width + c * pairsOf(plan, attention);
}

/** Pairs of tokens that attention multiplies: all of every row under a dense mask, those of each segment otherwise. */
export const pairsOf = (plan: Plan, attention: 'dense' | 'segments'): number =>
  attention === 'dense'
    ? plan.rows.length * plan.width * plan.width
    : segmentsOf(plan).reduce((sum, { start, end }) => sum + (end - start) ** 2, 0);

/** What attention sees as one where it goes by segments: each prompt of a packed row; a padded row whole, padding included. */
export function segmentsOf(plan: Plan): { row: number; start: number; end: number }[] {
  return plan.rows.flatMap(({ prompts, starts, length }, row) =>
    plan.packing === 'none'
      ? [{ row, start: 0, end: plan.width }]
      : prompts.map((_, at) => ({ row, start: starts[at]!, end: starts[at + 1] ?? length })),
  );
}

/** A batch as a dense rectangle: which prompts, in which rows. Padding to the longest is a plan with one prompt a row. */
export function planPadded(lengths: readonly number[], prompts: readonly number[] = lengths.map((_, i) => i)): Plan {
  const rows = prompts
    .filter((prompt) => lengths[prompt]! > 0)
    .map((prompt) => ({ prompts: [prompt], starts: [0], length: lengths[prompt]! }));
  const width = rows.reduce((widest, row) => Math.max(widest, row.length), 0);
  const tokens = rows.reduce((sum, row) => sum + row.length, 0);
  return {
    packing: 'none',
    capacity: width,
    rows,
    width,
    tokens,
    fill: rows.length === 0 ? 1 : tokens / (rows.length * width),
  };
}
