import type { Estimate, EstimateFacts } from '../../contract.ts';
import type { PrepackingParameters } from './parameters.ts';

/** Rough: a token costs two operations a parameter; two cores do about 1.5e11 a second. */
export function estimate(parameters: PrepackingParameters, facts: EstimateFacts): Estimate {
  const tokens = (facts.inputBytes ?? parameters.prompts.length) / 4;
  const flops =
    tokens * 2 * ((facts.modelBytes ?? 540e6) / 4) * (parameters.rounds + 1) * parameters.compare.length * 2;
  return {
    seconds: 5 + flops / (0.75e11 * facts.machine.cores),
    bytes: (facts.modelBytes ?? 540e6) * 2,
    basis: 'two operations a parameter and token, half of the slots padding, 75 GFLOP/s a core',
  };
}
