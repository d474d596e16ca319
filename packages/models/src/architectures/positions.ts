import { add, concat, gather, initializer, mul, slice, sub, type Tensor, unsqueeze } from '@working-papers/graph';
import type { Positions } from './parts.ts';
import { type RotaryFrequencies, rotaryTables } from './rotary.ts';

const known = new Map<string, Positions>();

/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864) in the layout of Hugging Face's models: dimension i turns with
 * dimension i + headDim / 2. Positions are whole numbers below `capacity`. The same tables are one initialiser wherever
 * they are asked for, so that several models in one graph share them.
 */
export function rotaryPositions(frequencies: RotaryFrequencies, capacity: number): Positions {
  const key = `${capacity}:${frequencies.join()}`;
  let positions = known.get(key);
  if (!positions) {
    positions = makePositions(frequencies, capacity);
    known.set(key, positions);
  }
  return positions;
}

function makePositions(frequencies: RotaryFrequencies, capacity: number): Positions {
  const half = frequencies.length;
  const table = (name: 'cos' | 'sin') =>
    initializer(`rotary.${name}.${capacity}.${half}.${frequencies.at(-1)}`, 'float32', [capacity, half], () => {
      const values = rotaryTables(frequencies, capacity)[name];
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
