import type { Method } from '../../contract.ts';

export default {
  slug: 'patent-sdg',
  family: 'language',
  paper: {
    title:
      'From scratch to silver: Creating trustworthy training data for patent-SDG classification using Large Language Models',
    arxiv: '2509.09303',
    date: '2025-09-11',
    authors: [],
  },
  offers:
    'Build soft training labels for any taxonomy from a weak link signal, then a classifier; the Sustainable Development Goals are the default taxonomy.',
  claims: [
    {
      id: 'C1',
      statement: 'The silver labels agree with held-out citation-based labels better than all baselines.',
      measure: 'agreement with held-out labels',
      paper: {
        value: 'better than all baselines (no value in the abstract)',
        baseline: 'several, with transformer models and a zero-shot language model',
        setting: 'internal validation',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'our method outperforms several baselines including transformer-based models, and zero-shot LLM',
    },
    {
      id: 'C2',
      statement: 'In patent networks the labels are more coherent than technology classes.',
      measure: 'network modularity of the labels',
      paper: {
        value: 'higher',
        baseline: 'traditional technology classes (CPC)',
        setting: 'patent-citation, co-inventor, co-applicant graphs',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'our labels reveal greater thematic, cognitive, and organizational coherence than traditional technological classifications',
    },
    {
      id: 'C3',
      statement: 'The labels are soft and multiple and can train regression models.',
      measure: 'whether regression models learn from them',
      paper: { value: 'works', setting: 'silver set', source: 'paper', where: 'abstract' },
      quote:
        'a silver-standard, soft multi-label dataset mapping patents to SDGs, enabling the training of effective multi-label regression models',
    },
    {
      id: 'C4',
      statement: 'Goal coverage grows by more than 240 % over the raw citation labels.',
      measure: 'coverage',
      paper: {
        value: '> +240',
        unit: '%',
        baseline: 'citation-based labels',
        setting: 'silver set',
        source: 'third party',
        where: 'secondary summary',
        unverified: true,
      },
    },
    {
      id: 'C5',
      statement: 'The labels follow the citation signal with Pearson 0.81 and Spearman 0.85.',
      measure: 'correlation with the citation signal',
      paper: {
        value: 'Pearson 0.81, Spearman 0.85',
        baseline: 'citation-based labels',
        setting: 'structure per goal',
        source: 'third party',
        where: 'secondary summary',
        unverified: true,
      },
    },
    {
      id: 'C6',
      statement: 'Calibration does not punish newly found goals.',
      measure: 'loss on new associations',
      paper: {
        value: 'by construction of the loss',
        baseline: 'ordinary binary cross-entropy on citation labels',
        setting: 'labelling function',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'without penalizing discovery of new SDG associations',
    },
  ],
  remarks: [
    'Validating against held-out citations rewards copying their bias. Modularity depends on the number and size of communities, so 17 goals against 8 sections is not like with like.',
    'A positive-only loss is degenerate without a budget. Labelling function, loss and numbers were not readable in full.',
  ],
} satisfies Method;
