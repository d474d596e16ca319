import { concat, gather, initializer, mul, slice, sub, add, type Tensor, unsqueeze } from '@working-papers/graph';
import type { Positions } from './parts.ts';
import { type RotaryFrequencies, rotaryTables } from './rotary.ts';

/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864) in the layout of Hugging Face's models: dimension i turns with
 * dimension i + headDim / 2. Positions are whole numbers below `capacity`.
 */
export function rotaryPositions(frequencies: RotaryFrequencies, capacity: number): Positions {
  const half = frequencies.length;
  let filled: { cos: Float32Array; sin: Float32Array } | undefined;
  const table = (name: 'cos' | 'sin') =>
    initializer(`rotary.${name}`, 'float32', [capacity, half], () => {
      filled ??= rotaryTables(frequencies, capacity);
      const values = filled[name];
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    });
  const tables = { cos: table('cos'), sin: table('sin') };
  const angles = new WeakMap<Tensor, { cos: Tensor; sin: Tensor }>();
  return {
    tables,
    rotate(tensor, positionIds) {
      let at = angles.get(positionIds);
      if (!at) {
        at = {
          cos: unsqueeze(gather(tables.cos, positionIds, 0), [1]), // [rows, 1, sequence, headDim / 2]
          sin: unsqueeze(gather(tables.sin, positionIds, 0), [1]),
        };
        angles.set(positionIds, at);
      }
      return turn(tensor, at.cos, at.sin);
    },
  };
}

/** (a, b) to (a cos - b sin, b cos + a sin), a and b the halves of the last dimension. */
function turn(tensor: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const width = tensor.shape[3] as number;
  const a = slice(tensor, 3, 0, width / 2);
  const b = slice(tensor, 3, width / 2, width);
  return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], 3);
}
