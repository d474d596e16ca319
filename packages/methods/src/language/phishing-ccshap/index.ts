import type { Method } from '../../contract.ts';

export default {
  slug: 'phishing-ccshap',
  family: 'language',
  paper: {
    title:
      'Evaluating Large Language Models for Phishing Detection, Self-Consistency, Faithfulness, and Explainability',
    arxiv: '2506.13746',
    date: '2025-06-16',
    authors: [],
    links: [{ label: 'CC-SHAP', url: 'https://github.com/Heidelberg-NLP/CC-SHAP', by: 'others' }],
  },
  offers:
    "Ask whether your model's stated reason rests on the words that made it decide, for any causal model and any labelling task.",
  claims: [
    {
      id: 'C1',
      statement: 'Llama models explain themselves more consistently.',
      measure: 'CC-SHAP',
      paper: {
        value: 'higher (no value in the abstract)',
        baseline: 'Wizard',
        setting: 'phishing mail, after fine-tuning',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Llama models exhibit stronger prediction explanation token alignment with higher CC SHAP scores',
    },
    {
      id: 'C2',
      statement: 'Llama models lack reliable accuracy.',
      measure: 'accuracy',
      paper: {
        value: 'lacking reliable',
        baseline: 'Wizard, BERT',
        setting: 'phishing mail, after fine-tuning',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'despite lacking reliable decision making accuracy',
    },
    {
      id: 'C3',
      statement: 'Wizard is more accurate but explains itself less consistently.',
      measure: 'accuracy and CC-SHAP',
      paper: {
        value: 'accuracy better, CC-SHAP lower',
        baseline: 'Llama',
        setting: 'phishing mail, after fine-tuning',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Wizard achieves better prediction accuracy but lower CC SHAP scores',
    },
    {
      id: 'C4',
      statement: 'So accuracy and alignment of prediction and explanation do not go together.',
      measure: 'accuracy against CC-SHAP, across models',
      paper: { value: 'do not go together', setting: 'across models', source: 'paper', where: 'abstract' },
    },
    {
      id: 'C5',
      statement:
        'Three adaptations are compared: binary classification, contrastive learning, preference optimisation.',
      measure: 'accuracy and CC-SHAP by adaptation',
      paper: {
        value: 'comparison',
        baseline: 'each other, base',
        setting:
          'BERT, Llama-2-7B, Llama-3-8B, Wizard-7B, LoRA on q and v (sizes, data and targets from a secondary review)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'using Binary Sequence Classification, Contrastive Learning (CL) and Direct Preference Optimization (DPO)',
    },
  ],
  remarks: [
    'CC-SHAP is the self-consistency of two attributions, no proof of faithfulness; signed ratios can cancel over explanation tokens.',
    'Ham and phishing mails differ by era and format, so classifiers can win on artefacts: test with headers removed. Values per model were not readable.',
  ],
} satisfies Method;
