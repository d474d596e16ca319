import type { Method } from '../../contract.ts';

export default {
  slug: 'icl-data-distributions',
  family: 'interpretability',
  paper: {
    title: 'Data Distributional Properties Drive Emergent In-Context Learning in Transformers',
    arxiv: '2205.05055',
    date: '2022-04-22',
    authors: [],
  },
  offers:
    'Turn the four dials of training data (burstiness, classes, skew, variation), see when a small model learns in context, and measure the dials on your own corpus.',
  claims: [
    {
      id: 'A1',
      statement: 'In-context learning emerges and grows with burstiness of the training sequences.',
      measure: 'in-context accuracy on held-out classes against burstiness',
      paper: {
        value: 'emerges, grows with burstiness',
        baseline: 'independent, identically distributed sequences',
        setting: 'Omniglot image-label sequences, transformer',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'In-context learning emerges when the training data exhibits particular distributional properties such as burstiness',
    },
    {
      id: 'A2',
      statement: 'In-context learning emerges with many, rarely occurring classes.',
      measure: 'in-context accuracy against number of classes',
      paper: {
        value: 'emerges with many classes',
        baseline: 'few classes',
        setting: 'Omniglot image-label sequences, transformer',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'having large numbers of rarely occurring classes',
    },
    {
      id: 'A3',
      statement: 'In-context learning is stronger when meanings change than when they are fixed.',
      measure: 'in-context accuracy against labels per class',
      paper: {
        value: 'stronger',
        baseline: 'one fixed label',
        setting: 'Omniglot image-label sequences, transformer',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'In-context learning also emerges more strongly when item meanings or interpretations are dynamic rather than fixed',
    },
    {
      id: 'A4',
      statement: 'Learning in context and in the weights trade off.',
      measure: 'accuracy of both kinds in one model',
      paper: {
        value: 'trade off; not both in the first experiments',
        setting: 'uniform distribution of classes',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'in-context learning traded off against more conventional weight-based learning, and models were unable to achieve both simultaneously',
    },
    {
      id: 'A5',
      statement: 'Both coexist in one model under a skewed Zipf distribution.',
      measure: 'accuracy of both kinds against the Zipf exponent',
      paper: {
        value: 'coexist',
        baseline: 'uniform',
        setting: 'query common, rare or held-out; recalled, not verified: an exponent about 1 is best',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'the two modes of learning could co-exist in a single model when it was trained on data following a skewed Zipfian distribution',
    },
    {
      id: 'A6',
      statement: 'Recurrent models do not learn in context on the same data.',
      measure: 'in-context accuracy by architecture',
      paper: {
        value: 'none',
        baseline: 'transformer of the same depth and width',
        setting: 'LSTM, vanilla recurrent net',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'naturalistic data distributions were only able to elicit in-context learning in transformers, and not in recurrent models',
    },
    {
      id: 'P1',
      statement: 'More variation within a class gives more in-context learning.',
      measure: 'in-context accuracy against within-class variation',
      paper: {
        value: 'more',
        baseline: 'a single image per class',
        setting: 'configurations: identical, all exemplars, augmented (8 times the classes)',
        source: 'repository',
        where: 'configurations',
        unverified: true,
      },
    },
    {
      id: 'P2',
      statement: 'By chance, in-context accuracy is one half and in-weights accuracy one over the number of classes.',
      measure: 'chance levels',
      paper: {
        value: '1/2 (two labels); 1/number of classes',
        setting: 'evaluation design',
        source: 'repository',
        where: 'evaluation',
      },
    },
  ],
  remarks: [
    'In-context learning may vanish with more training (Singh et al., 2311.08360): the largest and the last value should both be read.',
    'Counter-evidence: 2501.06256 finds that exact repetition matters more than burstiness; Lee, Jiang and Berg-Kirkpatrick find in-context learning in every architecture they tried, against A6. Minimal version: Reddy (2312.03002).',
  ],
} satisfies Method;
