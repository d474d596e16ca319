import type { Method } from '../../contract.ts';

export default {
  slug: 'gec-prompting',
  family: 'language',
  paper: {
    title:
      '"When Data is Scarce, Prompt Smarter"... Approaches to Grammatical Error Correction in Low-Resource Settings',
    date: '2025-11-25',
    authors: [],
  },
  offers:
    'Proof-read any language with a handful of examples on your own model, guarded against making things worse, and score it as both camps do.',
  claims: [
    {
      id: 'GEC-1',
      statement: 'It ranks first in Tamil.',
      measure: 'GLEU, Tamil',
      paper: {
        value: '91.57 (1st)',
        baseline: 'other teams; fine-tuned mT5-small / IndicBART of Team Horizon 86.03',
        setting: 'shared-task test',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'ranking 1st in Tamil (GLEU: 91.57)',
    },
    {
      id: 'GEC-2',
      statement: 'It ranks first in Hindi.',
      measure: 'GLEU, Hindi',
      paper: {
        value: '85.69 (1st)',
        baseline: 'Horizon 80.44; C-DAC tuned Gemma-3 12B 81.44 (3rd)',
        setting: 'shared-task test',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Hindi (GLEU: 85.69)',
    },
    {
      id: 'GEC-3',
      statement: 'It ranks second in Telugu.',
      measure: 'GLEU, Telugu',
      paper: {
        value: '85.22 (2nd)',
        baseline: 'Horizon 72.00',
        setting: 'shared-task test',
        source: 'paper',
        where: 'abstract',
      },
      quote: '2nd in Telugu (GLEU: 85.22)',
    },
    {
      id: 'GEC-4',
      statement: 'It ranks fourth in Bangla.',
      measure: 'GLEU, Bangla',
      paper: {
        value: '92.86 (4th)',
        baseline: 'Horizon 82.69',
        setting: 'shared-task test',
        source: 'paper',
        where: 'abstract',
      },
      quote: '4th in Bangla (GLEU: 92.86)',
    },
    {
      id: 'GEC-5',
      statement: 'It ranks fifth in Malayalam.',
      measure: 'GLEU, Malayalam',
      paper: {
        value: '92.97 (5th)',
        baseline: 'Horizon 84.36; C-DAC 92.41 (6th)',
        setting: 'shared-task test',
        source: 'paper',
        where: 'abstract',
      },
      quote: '5th in Malayalam (GLEU: 92.97)',
    },
    {
      id: 'GEC-6',
      statement: 'Basic prompting of large models far outperforms fine-tuned Indic models.',
      measure: 'GLEU of zero- and few-shot prompting',
      paper: {
        value: 'substantially better (no value in the abstract)',
        baseline: 'fine-tuned Indic models like Sarvam-22B',
        setting: 'GPT-4.1, Gemini-2.5, LLaMA-4; the same five languages',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'enable these LLMs to substantially outperform fine-tuned Indic-language models like Sarvam-22B',
    },
    {
      id: 'GEC-7',
      statement: 'Careful prompts and light adaptation clearly raise quality.',
      measure: 'GLEU by prompt',
      paper: {
        value: 'clearly up (no value)',
        baseline: 'plain prompts',
        setting: 'several Indic languages',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'carefully designed prompts and lightweight adaptation significantly enhance correction quality across multiple Indic languages',
    },
  ],
  remarks: [
    'A do-nothing row is missing and decisive: GLEU depends on the error rate of the test set more than on the system.',
    'The other teams\' values come from their own abstracts. "Sarvam-22B" could not be matched to a released model. The arXiv identifier is not established.',
  ],
} satisfies Method;
