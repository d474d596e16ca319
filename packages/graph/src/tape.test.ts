import { describe, expect, it } from 'vitest';
import {
  add,
  dropout,
  exp,
  gelu,
  gradient,
  greater,
  input,
  matmul,
  mul,
  nearestName,
  range,
  reduceSum,
  reshape,
  sigmoid,
  softmax,
  type Tensor,
  tanh,
  tapeOf,
  where,
} from './index.ts';

const [n, four] = ['n', 4] as const;

/** The tape of all weights' gradients, by tag. */
const counted = (loss: Tensor, weights: Tensor[], options: Parameters<typeof tapeOf>[2] = {}) => {
  const tape = tapeOf(loss, gradient(loss, weights), { sizes: { n: 10 }, ...options });
  expect([...tape.byTag.values()].reduce((sum, bytes) => sum + bytes, 0)).toBe(tape.bytes);
  return Object.fromEntries(tape.byTag);
};

describe('tapeOf', () => {
  const x = input('x', 'float32', [n, four]);
  const [v, w] = [input('v', 'float32', [4, 4]), input('w', 'float32', [4, 4])];

  it('counts what the backward pass reads, by hand: results of tanh, arguments of GELU, factors of products', () => {
    // tanh' needs its result, and the second product its input, which is the same tensor; the first product needs x alone, which is no activation.
    const hidden = tanh(matmul(x, v));
    expect(counted(reduceSum(matmul(hidden, w)), [v, w])).toEqual({ tanh: 10 * 4 * 4 });
    // GELU needs what went in, the second product what came out.
    const active = gelu(matmul(x, v));
    expect(counted(reduceSum(matmul(active, w)), [v, w])).toEqual({ matmul: 160, gelu: 160 });
    // A product of two needs both.
    const gated = mul(sigmoid(matmul(x, v)), matmul(x, w));
    expect(counted(reduceSum(gated), [v, w])).toEqual({ sigmoid: 160, matmul: 160 });
    // A sum needs nothing.
    expect(counted(reduceSum(add(matmul(x, v), matmul(x, w))), [v, w])).toEqual({});
  });

  it('counts nothing for weights that nobody asked for', () => {
    const hidden = exp(tanh(matmul(x, v)));
    const loss = reduceSum(matmul(hidden, w));
    expect(counted(loss, [w])).toEqual({ exp: 160 });
    expect(counted(loss, [v])).toEqual({ exp: 160, tanh: 160 });
  });

  it('counts a reshaped tensor once, masks of dropout by the byte, and no constants', () => {
    const probabilities = softmax(matmul(x, v), -1);
    const flat = reshape(probabilities, ['4*n']);
    expect(counted(reduceSum(mul(mul(flat, flat), reshape(probabilities, ['4*n']))), [v])).toEqual({
      softmax: 160,
      mul: 160,
    });
    const key = input('key', 'int64', []);
    expect(counted(reduceSum(dropout(matmul(x, v), 0.5, key)), [v])).toEqual({ dropout: 40 });
    const mask = greater(range(0, 4), 1);
    expect(counted(reduceSum(where(mask, matmul(x, v), 0)), [v])).toEqual({});
  });

  it('counts of what is computed again the beginnings alone', () => {
    const streams = [matmul(x, v)];
    for (let i = 0; i < 5; i++) streams.push(add(streams.at(-1)!, tanh(matmul(softmax(streams.at(-1)!, -1), w))));
    const loss = reduceSum(streams.at(-1)!);
    const recompute = streams.slice(1).map((to, i) => ({ from: [streams[i]!], to: [to] }));
    const tape = (options: Parameters<typeof gradient>[2]) =>
      Object.fromEntries(tapeOf(loss, gradient(loss, [v, w], options), { sizes: { n: 10 } }).byTag);
    expect(tape({})).toEqual({ softmax: 5 * 160, tanh: 5 * 160 });
    expect(tape({ recompute })).toEqual({ matmul: 160, add: 4 * 160 });
  });

  it('counts by tags of its caller, such as the nearest activation with a name', () => {
    const first = tanh(matmul(x, v));
    const second = exp(sigmoid(matmul(first, w)));
    const loss = reduceSum(mul(softmax(second, -1), second));
    const tag = nearestName(
      loss,
      new Map([
        ['blocks.0', first],
        ['blocks.1', second],
      ]),
    );
    // Of block 1 its result and the sigmoid within; the softmax stands after all names.
    expect(counted(loss, [v, w], { tag })).toEqual({ 'blocks.0': 160, 'blocks.1': 2 * 160, loss: 160 });
  });

  it('asks for sizes that it was not given', () => {
    const loss = reduceSum(tanh(matmul(x, v)));
    expect(() => tapeOf(loss, gradient(loss, [v]))).toThrow(
      "The tape has tensors of the size 'n'; give it among the sizes.",
    );
  });
});
