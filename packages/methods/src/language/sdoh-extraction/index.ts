import type { Method } from '../../contract.ts';

export default {
  slug: 'sdoh-extraction',
  family: 'language',
  paper: {
    title: 'Large Language Models to Identify Social Determinants of Health in Electronic Health Records',
    arxiv: '2308.06354',
    date: '2023-08-11',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/AIM-Harvard/SDoH', by: 'authors' }],
  },
  offers: 'Train, extract, stress-test and roll up any rare-label extractor from notes, with your own schema.',
  claims: [
    {
      id: 'C1',
      statement: 'Flan-T5 XL reaches macro-F1 0.71 on any social determinant.',
      measure: 'macro-F1, any-SDoH task',
      paper: {
        value: '0.71',
        baseline: 'BERT and other Flan-T5 sizes',
        setting: 'Flan-T5 XL, LoRA; sentence level, in-house oncology notes, 800 notes annotated',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Flan-T5 XL (macro-F1 0.71) for any SDoH',
    },
    {
      id: 'C2',
      statement: 'Flan-T5 XXL reaches macro-F1 0.70 on adverse ones.',
      measure: 'macro-F1, adverse-SDoH task',
      paper: {
        value: '0.70',
        baseline: 'BERT and other Flan-T5 sizes',
        setting: 'Flan-T5 XXL, LoRA',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Flan-T5 XXL (macro-F1 0.70)',
    },
    {
      id: 'C3',
      statement: 'Synthetic training sentences help small models by 0.12 to 0.23.',
      measure: 'gain in macro-F1',
      paper: {
        value: '+0.12 to +0.23',
        baseline: 'same model, gold data only',
        setting: 'Flan-T5 base and large; varies with architecture and size',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'smaller Flan-T5 models (base and large) showing the greatest improvements in performance (delta F1 +0.12 to +0.23)',
    },
    {
      id: 'C4',
      statement: 'Performance is similar on a second in-hospital set.',
      measure: 'macro-F1 on immunotherapy notes',
      paper: {
        value: 'similar',
        baseline: 'the set of C1 and C2',
        setting: 'no retraining',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Model performance was similar on the in-hospital system dataset',
    },
    {
      id: 'C5',
      statement: 'Performance is worse on MIMIC-III.',
      measure: 'macro-F1 on MIMIC-III',
      paper: {
        value: 'worse',
        baseline: 'the set of C1 and C2',
        setting: 'no retraining',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'worse on the MIMIC-III dataset',
    },
    {
      id: 'C6',
      statement: 'Fine-tuned models beat ChatGPT-family models with zero or few examples.',
      measure: 'macro-F1 of fine-tuned and prompted models',
      paper: {
        value: 'better on both tasks (journal: GPT-4 with 10 examples is not beaten on the adverse task)',
        baseline: 'GPT-3.5 and GPT-4 prompting',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'outperformed zero- and few-shot performance of ChatGPT-family models for both tasks',
    },
    {
      id: 'C7',
      statement: 'Fine-tuned models change their prediction less often when race, ethnicity or gender are named.',
      measure: 'share of predictions that change',
      paper: {
        value: 'lower, p<0.05',
        baseline: 'ChatGPT',
        setting:
          'human-checked synthetic sentence pairs; recalled, not verified: any 14.3 % against 21.5 %, adverse 9.9 % against 14.3 %, only the first significant',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'These fine-tuned models were less likely than ChatGPT to change their prediction when race/ethnicity and gender descriptors were added to the text, suggesting less algorithmic bias (p<0.05)',
    },
    {
      id: 'C8',
      statement: 'It finds 93.8 % of the patients with adverse determinants; billing codes find 2.0 %.',
      measure: 'patients with adverse determinants found',
      paper: {
        value: '93.8',
        unit: '%',
        baseline: '2.0 by ICD-10 codes',
        setting: 'patient roll-up; both values fit 45/48 and 1/48 (an inference)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'our models identified 93.8% of patients with adverse SDoH, while ICD-10 codes captured 2.0%',
    },
  ],
  remarks: [
    'The flip rate is not accuracy: a constant classifier scores 0. The rewriting changes more than the descriptor, so a neutral rewrite belongs beside it.',
    'Macro-F1 includes the class of no determinant, which lifts it. Annotated MIMIC-III sentences need credentials.',
  ],
} satisfies Method;
