import type { Method } from '../../contract.ts';

export default {
  slug: 'counting-tokenization',
  family: 'interpretability',
  paper: {
    title: 'Counting Ability of Large Language Models and Impact of Tokenization',
    arxiv: '2410.19730',
    date: '2024-10-25',
    authors: ['X. Zhang', 'Juntai Cao', 'Chenyu You'],
    links: [{ label: 'Code', url: 'https://github.com/juntaic7/Counting-Tokenization', by: 'authors' }],
  },
  offers:
    'Check whether a tokenizer is healthy for exact tasks, bench counting on your own model, and rewrite prompts so that items stay apart.',
  claims: [
    {
      id: 'CT-1',
      statement:
        'Counting by induction needs depth that grows with length; a transformer without chain of thought has constant depth.',
      measure: 'theoretical depth',
      paper: { value: 'theoretical (TC^0)', baseline: 'recurrent nets', source: 'paper', where: 'abstract' },
      quote: 'This restriction places them in the complexity class TC^0',
    },
    {
      id: 'CT-2',
      statement: 'Chain of thought lifts part of that limit.',
      measure: 'counting accuracy with and without chain of thought, items as separate tokens',
      paper: {
        value: 'accuracy rises',
        baseline: 'no chain of thought',
        setting: 'GPT-4o mini, Claude 3.5 Sonnet (by a press summary)',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Chain of Thought (CoT) reasoning can help alleviate some of the architectural limitations of Transformers in counting tasks',
    },
    {
      id: 'CT-3',
      statement: 'Tokenisation changes counting accuracy substantially.',
      measure: 'counting accuracy of the same string in four formats',
      paper: {
        value: 'substantial',
        baseline: 'same string, other format',
        setting: 'a press summary says up to 80 percentage points',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'uncovering substantial performance variations based on input tokenization differences',
    },
    {
      id: 'CT-4',
      statement: 'With merged tokens, chain of thought can be worse than none.',
      measure: 'counting accuracy, merged tokens',
      paper: {
        value: 'worse (cells unverified)',
        baseline: 'no chain of thought',
        setting: 'format (a), merged byte pairs',
        source: 'third party',
        unverified: true,
      },
    },
    {
      id: 'CT-5',
      statement: 'Delimiters restore accuracy; one clean token an item is best.',
      measure: 'counting accuracy by format',
      paper: {
        value: '(d) or (c)/(b) above (a)',
        baseline: 'format (a)',
        setting: 'formats (b) to (d)',
        source: 'third party',
      },
    },
    {
      id: 'CT-6',
      statement: 'Rare letters are counted better than frequent ones.',
      measure: 'counting accuracy by letter',
      paper: {
        value: 'a few to about 14',
        unit: 'points',
        baseline: 'frequent letters',
        setting: 'pairs such as a/b against e/z',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'CT-7',
      statement: 'Accuracy falls with length.',
      measure: 'counting accuracy by length',
      paper: { value: 'monotone', setting: 'lengths about 10-20, 20-30, 30-40', source: 'recalled', unverified: true },
    },
  ],
  remarks: [
    'A change of format alters more than tokenisation (length, familiarity, attention span); only models trained from scratch isolate it.',
    'Xu and Ma (2410.14166) disagree: tokenisation is not the main culprit. See also Yehudai et al. (2407.15160).',
    'Result tables were not readable; the few values come from a press summary.',
  ],
} satisfies Method;
