import type { Method } from '../../contract.ts';

export default {
  slug: 'query-generation',
  family: 'language',
  paper: {
    title: 'Exploring the Viability of Synthetic Query Generation for Relevance Prediction',
    arxiv: '2305.11944',
    date: '2023-05-19',
    authors: ['Chaudhary', 'Raman', 'Srinivasan', 'Hashimoto', 'Bendersky', 'Najork'],
  },
  offers:
    'Make labelled training data for search on a shelf that has documents but no judgements, with a verdict whether to trust it.',
  claims: [
    {
      id: 'QG-1',
      statement: 'Plain query generation falls short of ordinary transfer from another domain for graded relevance.',
      measure: 'relevance prediction after training on generated queries',
      paper: {
        value: 'falls short (direction only)',
        baseline: "fine-tuning on another domain's labelled pairs",
        setting: '3 public e-commerce benchmarks',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'current QGen approaches fall short of the more conventional cross-domain transfer-learning approaches',
    },
    {
      id: 'QG-2',
      statement: 'Plain query generation cannot tell grades of relevance apart.',
      measure: 'separation of grades',
      paper: { value: 'cannot', setting: '3 public e-commerce benchmarks', source: 'paper', where: 'abstract' },
      quote: 'their inability to distinguish between different grades of relevance',
    },
    {
      id: 'QG-3',
      statement: 'Giving the wanted grade to the generator helps.',
      measure: 'relevance prediction after training on grade-conditioned queries',
      paper: {
        value: 'better',
        baseline: 'plain query generation',
        setting: '3 public e-commerce benchmarks',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'these modifications help improve performance of QGen techniques',
    },
    {
      id: 'QG-4',
      statement: 'Conditioned queries are still not faithful to the requested grade.',
      measure: 'agreement of the generated with the requested grade',
      paper: {
        value: 'not faithful',
        baseline: 'the requested grade',
        setting: '3 public e-commerce benchmarks',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'the generated queries are not faithful to the desired relevance label',
    },
    {
      id: 'QG-5',
      statement: 'This contradicts earlier claims that generation beats transfer.',
      measure: 'generation against transfer',
      paper: {
        value: 'contrary',
        baseline: 'papers on question answering and binary relevance',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'contrary to claims from prior works',
    },
    {
      id: 'QG-6',
      statement: 'The benchmarks are ESCI, WANDS and Home Depot.',
      measure: 'benchmarks used',
      paper: {
        value: 'ESCI (4 grades), WANDS (3 grades), Home Depot (1 to 3, averaged)',
        setting: 'ESCI as label-rich source, the others as targets',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'QG-7',
      statement: 'Asking for queries of several grades at once is better than one grade at a time.',
      measure: 'relevance prediction by way of asking',
      paper: {
        value: 'better',
        baseline: 'conditioned generation by prompting with 8 examples',
        setting: '7 sets (preprint), 9 (final)',
        source: 'third party',
        where: 'follow-up 2311.07930 of two of the authors',
      },
    },
  ],
  remarks: [
    'Unequal class balance between arms changes nDCG more than the method does; a generator that copies titles scores well on Exact and ruins the rest.',
    'Relatives: Promptagator, InPars, GPL, doc2query (all binary); SyCL (2503.23239). Tables were not readable.',
  ],
} satisfies Method;
