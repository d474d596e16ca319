import type { Estimate, EstimateFacts } from '../../contract.ts';
import { batchesOf } from './batches.ts';
import { prefillFlops } from './packing.ts';
import type { PrepackingParameters } from './parameters.ts';

/** Rough: a token costs two operations a parameter; two cores do about 1.5e11 a second. */
export function estimate(parameters: PrepackingParameters, facts: EstimateFacts): Estimate {
  const model = facts.models.model!;
  const { bytes, beginning } = facts.inputs.prompts ?? { bytes: 0, beginning: '' };
  const lengths = beginning.split('\n').map((line) => Math.ceil(line.length / 4.5));
  const shape = {
    parameters: model.parameters - model.vocabulary * model.hidden,
    layers: model.layers,
    heads: 1,
    headDim: model.hidden,
  };
  const plans = parameters.compare.flatMap((strategy) => batchesOf(strategy, lengths, parameters));
  const flops = plans.reduce((sum, plan) => sum + prefillFlops(plan.rows.length, plan.width, shape), 0);
  const scale = Math.max(1, bytes / Math.max(1, Buffer.byteLength(beginning)));
  return {
    seconds: 5 + (flops * scale * (parameters.rounds + 1)) / (0.75e11 * facts.machine.cores),
    bytes: model.parameters * 8,
    basis: 'two operations a parameter and token, half of the slots padding, 75 GFLOP/s a core',
  };
}
