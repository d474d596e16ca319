import type { Tensor } from '../tensor.ts';
import { clip, mul } from './elementwise.ts';
import { reduceSum } from './reduction.ts';
import { unsqueeze } from './shape.ts';
import { constant } from './sources.ts';
import { exp, neg } from './unary.ts';

/**
 * erf(x) = 2x/sqrt(pi) * integral over t from 0 to 1 of exp(-x^2 t^2), by Gauss-Legendre quadrature. Exact to about
 * 1e-15 (beyond |x| = 6 it is 1 in double precision). It holds 48 values for each element: for gradient checks, not for speed.
 */
export function erfByQuadrature(x: Tensor): Tensor {
  const { nodes, weights } = gaussLegendre(48);
  const bounded = clip(x, -6, 6);
  const scaled = mul(unsqueeze(bounded, [-1]), constant(nodes, x.dtype, [nodes.length]));
  const integrand = exp(neg(mul(scaled, scaled)));
  const integral = reduceSum(mul(integrand, constant(weights, x.dtype, [weights.length])), -1);
  return mul(mul(bounded, integral), 2 / Math.sqrt(Math.PI));
}

/** Nodes and weights of n-point Gauss-Legendre quadrature on [0, 1], by Newton's method on the Legendre polynomial. */
function gaussLegendre(n: number): { nodes: number[]; weights: number[] } {
  const nodes: number[] = [];
  const weights: number[] = [];
  for (let i = 1; i <= n; i++) {
    let z = Math.cos((Math.PI * (i - 0.25)) / (n + 0.5));
    let slope = 1;
    for (let iteration = 0; iteration < 20; iteration++) {
      let [previous, current] = [1, z];
      for (let k = 2; k <= n; k++)
        [previous, current] = [current, ((2 * k - 1) * z * current - (k - 1) * previous) / k];
      slope = (n * (z * current - previous)) / (z * z - 1);
      const change = current / slope;
      z -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    nodes.push((1 - z) / 2);
    weights.push(1 / ((1 - z * z) * slope * slope));
  }
  return { nodes, weights };
}
