import type { Method } from '../../contract.ts';

export default {
  slug: 'back-patching',
  family: 'interpretability',
  paper: {
    title: 'Hopping Too Late: Exploring the Limitations of Large Language Models on Multi-Hop Queries',
    arxiv: '2406.12775',
    date: '2024-06-18',
    authors: ['Biran', 'Gottesman', 'Yang', 'Geva', 'Globerson'],
    links: [{ label: 'Code', url: 'https://github.com/edenbiran/HoppingTooLate', by: 'authors' }],
  },
  offers:
    'Ask whether your model would know the answer if it could think again: a layer map for any decoder and any list of multi-hop questions.',
  claims: [
    {
      id: 'BP-1',
      statement: 'In up to 57 % of the wrong cases, some back-patch gives the right answer.',
      measure: 'share of previously wrong two-hop queries that some back-patch repairs',
      paper: {
        value: 'up to 57',
        unit: '%',
        baseline: '0 % by construction',
        setting: 'oracle over all pairs of source above target layer, position chosen among two',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote:
        'in up to 57% of previously incorrect cases there exists a back-patch that results in the correct generation of the answer',
    },
    {
      id: 'BP-2',
      statement: 'The published version says up to 66 %.',
      measure: 'share of previously wrong two-hop queries that some back-patch repairs',
      paper: {
        value: 'up to 66',
        unit: '%',
        baseline: '0 % by construction',
        setting: 'LLaMA-2 7B/13B, LLaMA-3 8B/70B (and others, unverified); summaries give 32 to 66 over models',
        source: 'paper',
        where: 'final abstract',
      },
    },
    {
      id: 'BP-3',
      statement: 'The bridge entity is resolved in early layers, at the end of the first-hop phrase.',
      measure: 'layer at which the bridge entity can be read out',
      paper: { value: 'early layers', setting: 'Patchscopes description prompt', source: 'paper', where: 'abstract' },
      quote: 'the bridge entity is resolved in the early layers of the model',
    },
    {
      id: 'BP-4',
      statement: 'The second hop starts only in later layers, after the bridge is resolved.',
      measure: 'layers of the stages: first hop, information moves to the last token, second hop, answer extracted',
      paper: { value: 'later layers', setting: 'correct and incorrect cases', source: 'paper', where: 'abstract' },
      quote: 'only after this resolution, the two-hop query is solved in the later layers',
    },
    {
      id: 'BP-5',
      statement: 'Late layers lack the knowledge needed for the second hop.',
      measure: 'supported by BP-1',
      paper: { value: 'qualitative', source: 'paper', where: 'abstract' },
      quote:
        'there could be cases where these layers no longer encode the necessary knowledge for correctly predicting the answer',
    },
    {
      id: 'BP-6',
      statement: 'The data set has a little over 82,000 two-hop queries.',
      measure: 'size of the data set',
      paper: {
        value: 'a little over 82,000',
        unit: 'queries',
        setting: 'Wikidata; 29 relations, 19 entity types in the code; the exact number, 82,020, is unverified',
        source: 'repository',
        unverified: true,
      },
    },
    {
      id: 'BP-7',
      statement: 'Attention from the last token to the first-hop position matters in middle layers.',
      measure: 'cases that change when it is blocked in a window of layers',
      paper: {
        value: 'cases change',
        baseline: 'unblocked',
        setting: 'attention knockout',
        source: 'third party',
        where: 'body',
      },
    },
    {
      id: 'BP-8',
      statement: 'Back-patching keeps most correct answers correct.',
      measure: 'share of correct answers kept',
      paper: {
        value: 'reported as preserved',
        setting: 'same oracle, correct subset',
        source: 'third party',
        where: 'body',
        unverified: true,
      },
    },
  ],
  remarks: [
    'An oracle over 435 pairs would "fix" 89 % of cases by luck if each had a 0.5 % chance and tries were independent: the control belongs beside the value.',
    'Later: Layer-Order Inversion (2601.03542) finds later hops decodable before bridges; SOCRATES (2411.16679) finds shortcut-free latent two-hop reasoning far weaker; Grokked Transformers (2405.15071).',
  ],
} satisfies Method;
