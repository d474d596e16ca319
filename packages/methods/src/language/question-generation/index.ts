import type { Method } from '../../contract.ts';

export default {
  slug: 'question-generation',
  family: 'language',
  paper: {
    title:
      'Harnessing the Power of Prompt-based Techniques for Generating School-Level Questions using Large Language Models',
    arxiv: '2312.01032',
    date: '2023-12-02',
    authors: ['Maity', 'Deroy', 'Sarkar'],
    links: [{ label: 'Code', url: 'https://github.com/my625/PromptQG', by: 'authors' }],
  },
  offers:
    'Paste a chapter and get questions a passage, steerable by topic; or fine-tune on your own pairs and see what the cue gives away.',
  claims: [
    {
      id: 'EQ-1',
      statement: 'T5 with a long cue is best by automatic scores.',
      measure: 'automatic scores of generated questions',
      paper: {
        value: 'best',
        baseline:
          'PEGASUS, MBART, BART fine-tuned; Text-Davinci-003 and GPT-3.5-Turbo untrained; each with long, short or no cue',
        setting: 'EduProbe, from NCERT school books',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'T5 (with long prompt) outperforms all other models',
    },
    {
      id: 'EQ-2',
      statement: 'It stays below the human baseline.',
      measure: "automatic scores against people's questions",
      paper: {
        value: 'below',
        baseline: 'questions written by people',
        setting: 'EduProbe',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'but still falls short of the human baseline',
    },
    {
      id: 'EQ-3',
      statement: 'People usually rate Text-Davinci-003 best among the models.',
      measure: 'human ratings',
      paper: {
        value: 'usually best',
        baseline: 'all other models',
        setting: 'several cue settings',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'TextDavinci-003 usually shows better results than other models under various prompt settings',
    },
    {
      id: 'EQ-4',
      statement: 'By human ratings, models mostly stay below people.',
      measure: "human ratings against people's questions",
      paper: {
        value: 'mostly below',
        baseline: 'questions written by people',
        setting: 'human evaluation',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'QG models mostly fall short of the human baseline',
    },
    {
      id: 'EQ-5',
      statement: 'The data set has quadruples of context, long cue, short cue and a deep question.',
      measure: 'form of the data set',
      paper: {
        value: 'quadruples; descriptive or reasoning questions',
        baseline: 'earlier sets (short factoid questions)',
        setting: 'school-level subjects',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'We carefully annotate this dataset as quadruples',
    },
    {
      id: 'EQ-6',
      statement: 'The data set has 3,502 entries.',
      measure: 'size of the data set',
      paper: { value: '3,502', unit: 'entries', source: 'recalled', unverified: true },
    },
    {
      id: 'EQ-7',
      statement: 'T5 is trained for 8 epochs with default AdamW.',
      measure: 'training recipe',
      paper: {
        value: 't5-large, 8 epochs, batch 1, 500 warm-up steps, weight decay .01, AdamW 5e-5, 512 tokens',
        source: 'repository',
        where: 'train/AQG_T5.py',
      },
    },
    {
      id: 'EQ-8',
      statement: 'Questions are decoded with 9 beams and 20 to 50 tokens.',
      measure: 'decoding recipe',
      paper: {
        value: '9 beams, length penalty 0.1, 20 to 50 tokens, input cut to 100 tokens',
        source: 'repository',
        where: 'test/AQG_T5_Test.py',
      },
    },
  ],
  remarks: [
    'We could not reproduce the reported configuration from the stored scripts: they load t5-large through the PEGASUS class, count padding in the loss, and cut context and cue to 100 tokens, which loses the cue after long contexts.',
    'A person who writes the cue knowing the question hands over its content words; no control for that was seen. BLEU and ROUGE reward one reference.',
  ],
} satisfies Method;
