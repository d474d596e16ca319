import type { Method } from '../../contract.ts';

export default {
  slug: 'structural-recursion',
  family: 'interpretability',
  paper: {
    title: 'Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion',
    arxiv: '2401.12947',
    date: '2024-01-23',
    authors: ['D. Zhang', 'Tigges', 'Z. Zhang', 'Biderman', 'Raginsky', 'Ringer'],
  },
  offers: 'Ask whether a model learnt the recursion or a shortcut, for your own recursive function.',
  claims: [
    {
      id: 'SR-1',
      statement: 'One framework ties the syntax and stepwise reduction of structural recursion to sequence models.',
      measure: 'conceptual',
      paper: {
        value: 'conceptual',
        setting: 'inductive types written as token sequences',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        "We introduce a general framework that nicely connects the abstract concepts of structural recursion in the programming language domain to concrete sequence modeling problems and learned models' behavior",
    },
    {
      id: 'SR-2',
      statement: 'Trained models fit shortcuts instead of the recursion.',
      measure: 'exact match with the recursive function, by depth',
      paper: {
        value: 'qualitative',
        baseline: 'the true recursive function',
        setting: 'binary successor and tree traversal, input-output training',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'cannot fully capture the recursion yet instead fit short-cut algorithms',
    },
    {
      id: 'SR-3',
      statement: 'They fail at edge cases that training under-represents.',
      measure: 'exact match by depth of recursion',
      paper: {
        value: 'falls with depth while the average looks near-perfect',
        baseline: 'shallow cases',
        setting: 'binary successor and tree traversal',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'cannot solve certain edge cases that are under-represented in the training distribution',
    },
    {
      id: 'SR-4',
      statement: 'The reconstructed algorithm predicts 91 % of the failures of one function.',
      measure: 'share of failures predicted',
      paper: {
        value: '91',
        unit: '%',
        setting: '2305.14699, the predecessor',
        source: 'paper',
        where: 'abstract of the predecessor',
      },
    },
    {
      id: 'SR-5',
      statement: 'Oversampling edge cases mends some failures.',
      measure: 'exact match with edge cases oversampled',
      paper: { value: 'improves', baseline: 'natural distribution', source: 'third party', where: 'summary' },
    },
    {
      id: 'SR-6',
      statement: 'Large language models do not mine the recursive rule from examples in context.',
      measure: 'exact match from examples in the prompt',
      paper: {
        value: 'low, brittle',
        setting: 'large language models of 2023 (list not seen)',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'it is difficult for state-of-the-art large language models (LLMs) to mine recursive rules from in-context demonstrations',
    },
    {
      id: 'SR-7',
      statement: 'They fail in interesting ways when emulating reduction step by step.',
      measure: 'kinds of errors in stepwise reduction',
      paper: {
        value: 'qualitative',
        setting: 'the prompt gives rules or examples of reduction',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'these LLMs fail in interesting ways when emulating reduction (step-wise computation) of the recursive function',
    },
  ],
  remarks: [
    'Average accuracy hides the cells nobody sampled; exact match and token accuracy differ hugely, and so do orders of digits.',
    'Better length generalisation is known with other position schemes, scratchpads and loops. The full text was not readable; training settings are choices made here.',
  ],
} satisfies Method;
