/** The experiment scaled to one machine. */
import type { Stage } from '../../contract.ts';
import { attention } from './stages/attention.ts';
import { exactness } from './stages/exactness.ts';
import { memory } from './stages/memory.ts';
import { packing } from './stages/packing.ts';
import { time } from './stages/time.ts';

export const experiment: readonly Stage[] = [
  {
    name: 'exactness',
    title: 'Exactness',
    description:
      'Packed caches, tokens and embeddings against ones computed alone, with two negative controls. About one minute.',
    run: exactness,
  },
  {
    name: 'time',
    title: 'Time',
    description:
      'Padded, sorted, alone, packed a batch and packed as a whole, three piles, three seeds. About fifteen minutes.',
    run: time,
  },
  {
    name: 'memory',
    title: 'Memory',
    description: 'The peak of each strategy in a process of its own, two piles, three seeds. About four minutes.',
    run: memory,
  },
  {
    name: 'attention',
    title: 'Attention',
    description: 'Dense and by segments, plan by plan: which is faster. About six minutes.',
    run: attention,
  },
  {
    name: 'packing',
    title: 'Packing',
    description: 'Best-fit decreasing against the integer program: rows and seconds. About one minute.',
    run: packing,
  },
];
