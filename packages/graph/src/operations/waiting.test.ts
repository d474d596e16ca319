import { expect, it } from 'vitest';
import { execute } from '../testing/execute.ts';
import { reduceSum } from './reduction.ts';
import { input } from './sources.ts';
import { zeroAfter } from './waiting.ts';

it('a zero that waits is zero whatever it waits for', async () => {
  const [x, y] = [input('x', 'float32', [2, 2]), input('y', 'int32', ['rows'])];
  for (const value of [1, Number.NaN, Number.POSITIVE_INFINITY, -1e38]) {
    for (const rows of [3, 0]) {
      const { zero } = await execute(
        { zero: zeroAfter([x, y, reduceSum(x)]) },
        {
          x: { dtype: 'float32', shape: [2, 2], data: [value, value, value, value] },
          y: { dtype: 'int32', shape: [rows], data: new Array(rows).fill(1) },
        },
      );
      expect(zero).toEqual({ dtype: 'float32', shape: [], data: [0] });
    }
  }
});
