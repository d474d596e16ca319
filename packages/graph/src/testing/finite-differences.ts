import { expect } from 'vitest';
import { cast, gradient, input, isFloat, mul, reduceSum, type Tensor } from '../index.ts';
import { compile, type Feed, random } from './execute.ts';

export interface GradientCheck {
  shapes?: (number | string)[][];
  tolerance?: number;
  /** Half the distance of the two points whose difference is taken; default 1e-5. */
  distance?: number;
  /** Which inputs; default all that are floating-point. */
  differentiate?: number[];
}

/** The inputs whose gradients are checked. */
export const differentiated = (feeds: readonly Feed[], { differentiate }: GradientCheck): number[] =>
  differentiate ?? [...feeds.keys()].filter((i) => isFloat(feeds[i]!.dtype));

/**
 * Checks the gradients of a function of float64 inputs against central finite differences. The loss is the sum of the
 * result times fixed random weights, so that every element of the Jacobian counts. Names in `shapes` make dimensions
 * symbolic, so that the gradient's own shape arithmetic runs too.
 */
export async function checkGradients(
  f: (...inputs: Tensor[]) => Tensor,
  feeds: Feed[],
  options: GradientCheck = {},
): Promise<void> {
  const { tolerance = 1e-7, distance = 1e-5 } = options;
  const inputs = feeds.map(({ dtype, shape }, i) => input(`x${i}`, dtype, options.shapes?.[i] ?? shape));
  const y = f(...inputs);
  const weights = input('weights', 'float64', y.shape);
  const loss = reduceSum(mul(cast(y, 'float64'), weights));
  const chosen = differentiated(feeds, options);
  const gradients = gradient(
    loss,
    chosen.map((i) => inputs[i]!),
  );
  const named = Object.fromEntries(feeds.map((feed, i) => [`x${i}`, feed]));
  const forward = await compile({ y });
  const { y: sample } = await forward.run(named);
  await forward.release();
  const next = random(99);
  const fed = { ...named, weights: { dtype: 'float64' as const, shape: sample!.shape, data: sample!.data.map(next) } };

  const program = await compile({ loss, ...Object.fromEntries(chosen.map((i, k) => [`d${i}`, gradients[k]!])) });
  const value = await compile({ loss });
  try {
    const analytic = await program.run(fed);
    for (const i of chosen) {
      const feed = feeds[i]!;
      const own = analytic[`d${i}`]!;
      expect(own.shape, `shape of the gradient of input ${i}`).toEqual(feed.shape);
      for (let element = 0; element < feed.data.length; element++) {
        const at = async (offset: number) => {
          const data = Array.from(feed.data);
          data[element] = data[element]! + offset;
          return (await value.run({ ...fed, [`x${i}`]: { ...feed, data } })).loss!.data[0]!;
        };
        const numeric = ((await at(distance)) - (await at(-distance))) / (2 * distance);
        const difference = Math.abs(numeric - own.data[element]!);
        expect(
          difference,
          `gradient of input ${i}, element ${element}: ${own.data[element]} against ${numeric} by differences`,
        ).toBeLessThan(tolerance * (1 + Math.abs(numeric)));
      }
    }
  } finally {
    await program.release();
    await value.release();
  }
}
