import { describe, expect, it } from 'vitest';
import {
  add,
  type DataType,
  fusedMatmul,
  input,
  layerNorm,
  matmul,
  matrixTranspose,
  mul,
  quickGelu,
  rmsNorm,
  sigmoid,
  skipLayerNorm,
  skipRmsNorm,
  type Tensor,
} from '../index.ts';
import { execute, randomFeed } from '../testing/execute.ts';

/** Fused kernels against the plain operations, which have oracles of their own (forward.test.ts). */
async function expectSame(pairs: Record<string, [Tensor, Tensor]>, feeds: Parameters<typeof execute>[1]) {
  const outputs: Record<string, Tensor> = {};
  for (const [name, [fused, plain]] of Object.entries(pairs)) {
    expect(fused.shape).toEqual(plain.shape);
    outputs[`${name}.fused`] = fused;
    outputs[`${name}.plain`] = plain;
  }
  const result = await execute(outputs, feeds);
  for (const name of Object.keys(pairs)) {
    const [fused, plain] = [result[`${name}.fused`]!, result[`${name}.plain`]!];
    for (const [i, value] of plain.data.entries()) expect(fused.data[i], `${name}[${i}]`).toBeCloseTo(value, 5);
  }
}

describe.each(['float32', 'float64'] as DataType[])('fused operations in %s', (dtype) => {
  it('are their plain forms', async () => {
    const x = input('x', dtype, ['batch', 'sequence', 8]);
    const skip = input('skip', dtype, ['batch', 'sequence', 8]);
    const [scale, shift, bias] = ['scale', 'shift', 'bias'].map((name) => input(name, dtype, [8])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const rms = skipRmsNorm(x, skip, scale, { epsilon: 1e-3 });
    const layer = skipLayerNorm(x, skip, scale, shift, { bias });
    const sum = add(add(x, skip), bias);
    await expectSame(
      {
        rmsOutput: [rms.output, rmsNorm(add(x, skip), scale, { epsilon: 1e-3 })],
        rmsSum: [rms.sum, add(x, skip)],
        layerOutput: [layer.output, layerNorm(sum, scale, shift)],
        layerSum: [layer.sum, sum],
        quickGelu: [quickGelu(x), mul(x, sigmoid(mul(x, 1.702000001)))],
        product: [fusedMatmul(x, skip, { transposeB: true, alpha: 0.5 }), mul(matmul(x, matrixTranspose(skip)), 0.5)],
        transposed: [fusedMatmul(x, skip, { transposeA: true }), matmul(matrixTranspose(x), skip)],
      },
      {
        x: randomFeed([2, 3, 8], 1, dtype),
        skip: randomFeed([2, 3, 8], 2, dtype),
        scale: randomFeed([8], 3, dtype),
        shift: randomFeed([8], 4, dtype),
        bias: randomFeed([8], 5, dtype),
      },
    );
  });
});

describe('errors of fused operations', () => {
  it('name the shapes', () => {
    const [a, b] = [input('a', 'float32', [2, 8]), input('b', 'float32', [3, 8])];
    const scale = input('s', 'float32', [7]);
    expect(() => skipRmsNorm(a, b, scale)).toThrow('skipRmsNorm: [2, 8] and its skip [3, 8] must have one shape');
    expect(() => skipLayerNorm(a, a, scale)).toThrow('scale [7] must be one vector of the last dimension of [2, 8]');
    expect(() => fusedMatmul(a, b)).toThrow(
      'fusedMatmul cannot multiply [2, 8] by [3, 8]: the inner dimensions 8 and 3 differ',
    );
  });
});
