import type { Method } from '../../contract.ts';

export default {
  slug: 'teddy',
  family: 'science',
  paper: {
    title: 'TEDDY: A Family Of Foundation Models For Understanding Single Cell Biology',
    arxiv: '2503.03485',
    date: '2025-03-05',
    authors: [],
    links: [{ label: 'Weights and code', url: 'https://huggingface.co/Merck/TEDDY', by: 'authors' }],
  },
  offers:
    'Train a small foundation model of your cells or load a released one, then embed, predict with donors held out, and read which genes matter.',
  claims: [
    {
      id: 'T1',
      statement: 'It is pre-trained on 116 million cells.',
      measure: 'size of the pre-training corpus',
      paper: {
        value: '116 million cells (human and mouse)',
        baseline: 'smaller corpora of earlier models',
        setting: 'CELLxGENE-type atlas data (unverified)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'we scaled the pre-training dataset to 116 million cells',
    },
    {
      id: 'T2',
      statement: 'The family has six models of 70M, 160M and 400M parameters.',
      measure: 'models',
      paper: {
        value: 'six: 70M, 160M, 400M in two input codings (only the TEDDY-G three released)',
        source: 'paper',
        where: 'abstract; release: model card',
      },
      quote:
        'six transformer-based state-of-the-art single-cell foundation models with 70 million, 160 million, and 400 million parameters',
    },
    {
      id: 'T3',
      statement: 'It identifies the disease of held-out donors substantially better.',
      measure: 'disease classification, donors unseen',
      paper: {
        value: 'substantial improvement',
        baseline: 'existing single-cell foundation models',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Our models showed substantial improvement over existing work on the first task',
    },
    {
      id: 'T4',
      statement: 'It tells healthy from diseased cells of unseen diseases only slightly better.',
      measure: 'healthy or diseased, disease and donors unseen',
      paper: {
        value: 'muted improvement (version 2: substantial overall)',
        baseline: 'existing single-cell foundation models',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'more muted improvements on the second',
    },
    {
      id: 'T5',
      statement: 'Quality improves predictably with cells and with parameters.',
      measure: 'loss and T3 by data and model size',
      paper: { value: 'predictably', baseline: 'smaller data and models', source: 'paper', where: 'abstract' },
      quote: 'performance improved predictably with both data volume and parameter count',
    },
    {
      id: 'T6',
      statement: 'Supervision by biological annotations helps.',
      measure: 'scores with and without it',
      paper: {
        value: 'used as the second lever (size of its effect not established)',
        baseline: 'same model without it',
        setting: 'ablation',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we leveraged the availability of large-scale biological annotations as a form of supervision during pre-training',
    },
  ],
  remarks: [
    'Several evaluations (Kedzierska et al. 2023) find zero-shot foundation embeddings below simple baselines: they belong beside every value.',
    'Splits by cell instead of donor inflate accuracy massively.',
  ],
} satisfies Method;
