/** A plan laid out as the three arrays of a packed forward pass: ids, restarted positions and the block-diagonal mask. */
import type { Plan } from './packing.ts';

/** What a masked score is set to; small enough that its softmax weight is exactly 0 in float32. */
const masked = -1e9;

export interface Layout {
  /** As `layIds` gives them. */
  ids: number[][];
  /** `[rows, width]`; restarts at 0 with every prompt. */
  positions: number[][];
  /** `[rows, width, width]`; 0 where a query (row of the mask) may see a key (column), a large negative number elsewhere. */
  mask: Float32Array;
}

export interface LayoutOptions {
  /** A decoder sees only what came before; an encoder sees its whole prompt. */
  causal: boolean;
  /** The id that fills the padding; any valid id, since nothing sees it. */
  padId: number;
  /** The negative controls of the checks: leave one of the two changes out. */
  without?: 'position restart' | 'block-diagonal mask';
}

/** Ids `[rows, width]`: every row padded on the right to the plan's width with `padId`, which nothing sees. */
export function layIds(plan: Plan, prompts: readonly (readonly number[])[], padId: number): number[][] {
  return plan.rows.map((row) => {
    const ids = row.prompts.flatMap((prompt, at) => {
      const end = row.starts[at + 1] ?? row.length;
      return prompts[prompt]!.slice(0, end - row.starts[at]!);
    });
    return [...ids, ...new Array<number>(plan.width - ids.length).fill(padId)];
  });
}

/**
 * mask[r, i, j] = 0 iff seg(i) = seg(j) and (j <= i or not causal); a padding slot sees itself only, so that no softmax row is
 * empty. `prompts[p]` holds the ids of prompt p; as many of them are laid out as the plan gives it room.
 */
export function layOut(plan: Plan, prompts: readonly (readonly number[])[], options: LayoutOptions): Layout {
  const { width } = plan;
  const mask = new Float32Array(plan.rows.length * width * width).fill(masked);
  const positions: number[][] = [];
  plan.rows.forEach((row, r) => {
    const rowPositions = new Array<number>(width).fill(0);
    const segments = new Int32Array(width).fill(-1);
    row.prompts.forEach((_, segment) => {
      const start = row.starts[segment]!;
      const end = row.starts[segment + 1] ?? row.length;
      for (let at = start; at < end; at++) {
        rowPositions[at] = options.without === 'position restart' ? at : at - start;
        segments[at] = segment;
      }
    });
    for (let i = 0; i < width; i++) {
      const line = mask.subarray((r * width + i) * width, (r * width + i + 1) * width);
      line[i] = 0;
      if (segments[i]! < 0) continue;
      const last = options.causal ? i : width - 1;
      for (let j = 0; j <= last; j++) {
        const sees = options.without === 'block-diagonal mask' ? segments[j]! >= 0 : segments[j] === segments[i];
        if (sees) line[j] = 0;
      }
    }
    positions.push(rowPositions);
  });
  return { ids: layIds(plan, prompts, options.padId), positions, mask };
}

export interface Place {
  row: number;
  start: number;
  end: number;
}

/** Where each prompt lies: prompt -> row and tokens [start, end). Prompts of length 0 are absent. */
export function places(plan: Plan): Map<number, Place> {
  const found = new Map<number, Place>();
  plan.rows.forEach((row, r) => {
    row.prompts.forEach((prompt, segment) => {
      found.set(prompt, { row: r, start: row.starts[segment]!, end: row.starts[segment + 1] ?? row.length });
    });
  });
  return found;
}
