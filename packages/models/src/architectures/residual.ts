import { add, layerNorm, rmsNorm, skipRmsNorm, type Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import type { Norm } from './parts.ts';

/** Layer norm (arXiv 1607.06450) as a part: gain and bias. */
export const layerNormalisation: Norm = (x, gain, { epsilon, bias }) => layerNorm(x, gain, bias, { epsilon });

/** RMS norm (arXiv 1910.07467) as a part. */
export const rmsNormalisation: Norm = (x, gain, { epsilon }) => rmsNorm(x, gain, { epsilon });

export interface NormWeights {
  gain: Tensor;
  bias?: Tensor;
  epsilon: number;
}

/**
 * `sum = stream + delta` and `normed = norm(sum)`: one kernel for RMS norm, unless `show` replaces the sum. The one for layer norm
 * takes several times what a sum and a norm take.
 */
export function addNorm(
  stream: Tensor,
  delta: Tensor,
  norm: Norm,
  { gain, bias, epsilon }: NormWeights,
  show: (sum: Tensor) => Tensor,
): { normed: Tensor; sum: Tensor } {
  const fused = norm === rmsNormalisation ? skipRmsNorm(stream, delta, gain, { epsilon }) : undefined;
  const sum = fused?.sum ?? add(stream, delta);
  const shown = show(sum);
  if (fused && shown === sum) return { normed: fused.output, sum };
  return { normed: norm(shown, gain, { epsilon, ...(bias ? { bias } : {}) }), sum: shown };
}

/** Gain or bias of a layer norm, which checkpoints converted from TensorFlow call `gamma` and `beta`. */
export function normWeight(weights: WeightSource, name: string, part: 'gain' | 'bias', width?: number): Tensor {
  const [own, older] = part === 'gain' ? ['weight', 'gamma'] : ['bias', 'beta'];
  const found = !weights.has(`${name}.${own}`) && weights.has(`${name}.${older}`) ? older : own;
  return weights.get(`${name}.${found}`, width === undefined ? undefined : [width]);
}
