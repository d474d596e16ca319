/** The experiment scaled to one machine. Every student that was trained is kept, so that a stage that was broken off goes on where it was. */
import type { Stage } from '../../contract.ts';
import { assistant } from './stages/assistant.ts';
import { quality } from './stages/quality.ts';
import { shapes } from './stages/shapes.ts';
import { speed } from './stages/speed.ts';

export const experiment: readonly Stage[] = [
  {
    name: 'quality',
    title: 'Quality',
    description:
      'Four distillations, a model from scratch and a truncated teacher, each fine-tuned with three seeds. About forty minutes.',
    run: (context) => quality(context),
  },
  {
    name: 'assistant',
    title: 'Assistant',
    description: 'A student of 3 layers x 192, at once and through an assistant, three seeds. About ten minutes.',
    run: (context) => assistant(context),
  },
  {
    name: 'speed',
    title: 'Speed',
    description: 'The six shapes with random weights, in turn for ten rounds. About one minute.',
    run: speed,
  },
  {
    name: 'shapes',
    title: 'Shapes',
    description: 'Parameters of the six shapes of the paper’s table. A second.',
    run: shapes,
  },
];
