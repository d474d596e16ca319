import type { Method } from '../../contract.ts';

export default {
  slug: 'gp-molformer',
  family: 'training',
  paper: {
    title: 'GP-MoLFormer: A Foundation Model For Molecular Generation',
    arxiv: '2405.04912',
    date: '2024-04-04',
    authors: [],
    links: [{ label: 'Code and weights', url: 'https://github.com/IBM/gp-molformer', by: 'authors' }],
  },
  offers:
    'Train a generator on your own molecules, steer it to a property with ordered pairs, and audit any generator for what it memorised.',
  claims: [
    {
      id: 'A1',
      statement: 'The model has 46.8M parameters.',
      measure: 'parameters',
      paper: {
        value: '46.8',
        unit: 'M',
        setting: 'decoder, linear attention and rotary positions',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'GP-MoLFormer uses a 46.8M parameter transformer decoder model with linear attention and rotary positional encodings',
    },
    {
      id: 'A2',
      statement: 'It is trained on more than 1.1 billion SMILES.',
      measure: 'size of the training set',
      paper: {
        value: '> 1.1 billion',
        unit: 'SMILES',
        setting: 'ZINC and PubChem family; de-duplicated variant: 650M',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'trained on more than 1.1B (billion) chemical SMILES',
    },
    {
      id: 'A3',
      statement:
        'It is better than or comparable to baselines on generation, scaffold decoration and property optimisation.',
      measure: 'scores on the three tasks',
      paper: {
        value: 'better or comparable (later version: with higher diversity)',
        baseline: 'JT-VAE, MolGen-7b and others',
        setting: 'the first two with no extra training',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'GP-MoLFormer performs better or comparable with baselines across all three tasks',
    },
    {
      id: 'A4',
      statement: 'Pair-tuning optimises a property from ordered pairs with few parameters.',
      measure: 'property of generated molecules before and after',
      paper: {
        value: 'a new parameter-efficient method',
        baseline: 'full tuning and other optimisation methods',
        setting: 'penalised logP, QED, DRD2, unconstrained',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we propose a parameter-efficient fine-tuning method for the last task, which uses property-ordered molecular pairs as input',
    },
    {
      id: 'A5',
      statement: 'It strongly memorises training molecules.',
      measure: 'share of generated molecules found in the training set',
      paper: {
        value: 'strong',
        baseline: 'unexplored before for chemical language models',
        setting: 'de novo samples',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'We further report strong memorization of training data in GP-MoLFormer generations',
    },
    {
      id: 'A6',
      statement: 'Duplicates in the training data raise memorisation and lower novelty.',
      measure: 'memorisation and novelty with and without duplicates',
      paper: {
        value: 'more memorisation, less novelty',
        baseline: 'de-duplicated training',
        setting: '1.1B against 650M',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'duplication bias in training data can enhance memorization at the cost of lowering novelty',
    },
    {
      id: 'A7',
      statement: 'Novelty follows a scaling law in inference compute.',
      measure: 'novelty against number of generated molecules',
      paper: {
        value: 'a scaling law',
        setting: 'a reading note says exponential-decay fit, up to 10 billion generations',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'We further establish a scaling law relating inference compute and novelty in generations',
    },
  ],
  remarks: [
    'Penalised logP is exploited by long chains; novelty depends on canonicalisation and on the reference set. Results are no drug candidates.',
    'Exact match undercounts near-copies. Tables per task could not be read.',
  ],
} satisfies Method;
