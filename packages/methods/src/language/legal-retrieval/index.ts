import type { Method } from '../../contract.ts';

export default {
  slug: 'legal-retrieval',
  family: 'language',
  paper: {
    title: 'Attentive Deep Neural Networks for Legal Document Retrieval',
    arxiv: '2212.13899',
    date: '2022-12-12',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/nguyenthanhasia/paraformer', by: 'authors' }],
  },
  offers: 'Search your own statutes, contracts, policies or licences by question, and see which sentence matched.',
  claims: [
    {
      id: 'C1',
      statement: 'Attentive neural retrieval is substantially better than non-neural methods.',
      measure: 'retrieval quality',
      paper: {
        value: 'substantially better',
        baseline: 'non-neural methods (BM25 / TF-IDF)',
        setting: 'statute law, English, Japanese, Vietnamese',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Attentive neural methods substantially outperform non-neural methods in terms of retrieval performance across datasets and languages',
    },
    {
      id: 'C2',
      statement: 'On small data sets the pre-trained transformer is better, at high cost.',
      measure: 'retrieval quality and cost, small data',
      paper: { value: 'better', baseline: 'Attentive CNN', setting: 'COLIEE-size', source: 'paper', where: 'abstract' },
      quote:
        'Pretrained transformer-based models achieve better accuracy on small datasets at the cost of high computational complexity',
    },
    {
      id: 'C3',
      statement: 'On large data sets the lighter Attentive CNN is better.',
      measure: 'retrieval quality, large data',
      paper: {
        value: 'better',
        baseline: 'transformer',
        setting: 'Vietnamese-size',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'lighter weight Attentive CNN achieves better accuracy on large datasets',
    },
    {
      id: 'C4',
      statement: 'Paraformer has the highest recall and F2 on COLIEE.',
      measure: 'recall and F2, top-N',
      paper: {
        value: 'highest',
        baseline: 'state of the art then',
        setting: 'Japanese Civil Code, English',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Our proposed Paraformer outperforms state-of-the-art methods on COLIEE dataset, achieving the highest recall and F2 scores in the top-N retrieval task',
    },
    {
      id: 'C5',
      statement: 'On COLIEE its F2 is about 0.74 and its recall about 0.73 for one article.',
      measure: 'F2 and recall at 1',
      paper: {
        value: 'F2 about 0.74, recall about 0.73',
        baseline: 'best COLIEE-2021 run F2 about 0.73',
        setting: 'task 3',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'C6',
      statement: 'The earlier Attentive CNN beat retrieval baselines by large margins on Vietnamese questions.',
      measure: 'recall and nDCG',
      paper: {
        value: 'by large margins',
        baseline: 'Elasticsearch and others',
        setting: '5,922 Vietnamese legal questions; about 117k articles (unverified)',
        source: 'third party',
        where: 'the earlier paper (COLING 2020)',
      },
    },
  ],
  remarks: [
    'The BM25 gate before the neural score caps recall: read the cap beside it. Raw logits plus raw BM25 at α = 0.1 is nearly BM25 with a nudge.',
    'Cross-encoders (monoT5) lead COLIEE task 3 by now (unverified); the closest rival is late interaction (ColBERT).',
  ],
} satisfies Method;
