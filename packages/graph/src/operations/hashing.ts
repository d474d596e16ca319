import { broadcastShapes, checkSameType } from '../broadcast.ts';
import { apply, describe, isFloat, rule, ShapeError, type Tensor } from '../tensor.ts';
import { pair } from './elementwise.ts';
import type { Operand } from './sources.ts';

const murmurHash3Rule = rule<readonly [Tensor], { seed: number }>({
  name: 'murmurHash3',
  infer: ([x]) => {
    if (x.dtype !== 'int64' && x.dtype !== 'int32') {
      throw new ShapeError(`murmurHash3 takes int32 or int64; got ${describe(x)}.`);
    }
    return [{ dtype: 'int32', shape: x.shape }];
  },
  onnx: {
    type: 'MurmurHash3',
    domain: 'com.microsoft',
    attributes: ({ seed }) => ({ seed: { int: seed }, positive: { int: 0 } }),
  },
});

/** 32 bits of each element's bytes (MurmurHash3_x86_32 of Austin Appleby's SMHasher), as an int32. */
export const murmurHash3 = (x: Tensor, seed = 0): Tensor => apply(murmurHash3Rule, [x], { seed });

const bitwiseAndRule = rule<readonly [Tensor, Tensor]>({
  name: 'bitwiseAnd',
  infer: ([a, b]) => {
    checkSameType('bitwiseAnd', a, b);
    if (isFloat(a.dtype) || a.dtype === 'bool') throw new ShapeError(`bitwiseAnd takes integers; got ${describe(a)}.`);
    return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape, 'bitwiseAnd') }];
  },
  onnx: { type: 'BitwiseAnd' },
});

/** `a & b` of integers, broadcast. */
export const bitwiseAnd = (a: Operand, b: Operand): Tensor => apply(bitwiseAndRule, pair('bitwiseAnd', a, b));
