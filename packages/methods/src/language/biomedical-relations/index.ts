import type { Method } from '../../contract.ts';

export default {
  slug: 'biomedical-relations',
  family: 'language',
  paper: {
    title: 'Comparison of biomedical relationship extraction methods and models for knowledge graph creation',
    arxiv: '2201.01647',
    date: '2022-01-05',
    authors: [],
  },
  offers:
    'Find out which extractor suits your relation, cheap or costly, and get the knowledge graph with its evidence.',
  claims: [
    {
      id: 'C1',
      statement: 'PubMedBERT fine-tuned on balanced data is the best of all.',
      measure: 'F1',
      paper: {
        value: '0.92',
        baseline: 'every other method below',
        setting: 'sentence-level relation classification',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'The best performing model was the PubMedBERT-based model fine-tuned on balanced data, with a reported F1-score of 0.92',
    },
    {
      id: 'C2',
      statement: 'DistilBERT comes second, faster and with fewer resources.',
      measure: 'F1 and speed',
      paper: {
        value: '0.89',
        baseline: 'PubMedBERT',
        setting: 'sentence-level relation classification',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'DistilBERT-based model followed with F1-score of 0.89, performing faster and with lower resource requirements',
    },
    {
      id: 'C3',
      statement: 'BERT-type encoders beat T5-type generative models.',
      measure: 'F1',
      paper: {
        value: 'better',
        baseline: 'T5, SciFive',
        setting:
          'sentence-level relation classification; a leaderboard lists T5 with 0.88 on the gene-disease set for an earlier version',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'BERT-based models performed better then T5-based generative models',
    },
    {
      id: 'C4',
      statement: 'Transformers cope with small training sets because of pre-training.',
      measure: 'F1 with reduced data',
      paper: {
        value: 'handle well',
        baseline: 'Naive Bayes, Random Forest',
        setting: 'reduced data',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'transformer-based models handle well both small (due to pre-training on a large dataset) and unbalanced datasets',
    },
    {
      id: 'C5',
      statement: 'Transformers cope with unbalanced classes.',
      measure: 'F1 with unbalanced and balanced training sets',
      paper: {
        value: 'handle well',
        baseline: 'Naive Bayes, Random Forest',
        setting: 'unbalanced and balanced training set',
        source: 'paper',
        where: 'abstract',
      },
    },
    {
      id: 'C6',
      statement: 'Rules and classical machine learning are behind transformers.',
      measure: 'F1',
      paper: { value: 'behind', baseline: 'all transformers', source: 'paper', where: 'abstract' },
    },
    {
      id: 'C7',
      statement: 'Before PubMedBERT was added, DistilBERT on balanced data was best.',
      measure: 'F1',
      paper: {
        value: '0.89',
        baseline: 'T5, Naive Bayes, Random Forest, rules',
        setting: 'versions 1 and 2, same data',
        source: 'paper',
        where: 'abstracts of earlier versions',
      },
    },
  ],
  remarks: [
    'How F1 is averaged was not established; balancing the test set inflates it; random splits by sentence leak documents.',
    'Entity names give class priors away: blind them. No official repository was found.',
  ],
} satisfies Method;
