import type { Estimate, EstimateFacts } from '../../contract.ts';
import type { MoralDirectionParameters } from './parameters.ts';

/** Sentences a second measured on two cores: about 400 short ones; a guided step encodes topK texts. */
export function estimate(parameters: MoralDirectionParameters, facts: EstimateFacts): Estimate {
  const perSecond = 150 * facts.machine.cores;
  const fitting = 715 / perSecond;
  const basis = `about ${perSecond} short sentences a second on ${facts.machine.cores} cores`;
  if (parameters.action === 'fit') return { seconds: 2 + fitting, basis };
  if (parameters.action === 'score')
    return {
      seconds: 2 + fitting + ((facts.inputs.phrases?.bytes ?? parameters.phrases.length) / 20) * (10 / perSecond),
      basis,
    };
  const steps = (parameters.samples * parameters.maxNew) / parameters.encoderStride;
  return { seconds: 4 + fitting + (steps * parameters.topK) / perSecond, basis };
}
