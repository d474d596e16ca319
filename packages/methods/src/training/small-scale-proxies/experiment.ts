/** The experiment scaled to one machine. Every training is kept as it ends: a stage that was interrupted goes on where it was. */
import type { Stage } from '../../contract.ts';
import { fan } from './stages/fan.ts';
import { interventions } from './stages/interventions.ts';
import { prediction } from './stages/prediction.ts';

export const experiment: readonly Stage[] = [
  {
    name: 'fan',
    title: 'The fan',
    description: 'Three sizes, seven learning rates, with and without qk-layernorm, three seeds. About ten minutes.',
    run: (context) => fan(context),
  },
  {
    name: 'interventions',
    title: 'Interventions',
    description:
      'Warm-up, decay, muParam, epsilon and z-loss at one size; depth against width. Takes what the fan has trained. About twenty minutes.',
    run: (context) => interventions(context),
  },
  {
    name: 'prediction',
    title: 'Prediction',
    description:
      'Attention logits and gradients of a larger model, foretold from the fan and then trained. About six minutes.',
    run: (context) => prediction(context),
  },
];
