import type { Method } from '../../contract.ts';

export default {
  slug: 'compression-survey',
  family: 'compression',
  paper: {
    title: 'Model Compression and Efficient Inference for Large Language Models: A Survey',
    arxiv: '2402.09748',
    date: '2024-02-15',
    authors: ['W. Wang', 'W. Chen', 'Luo', 'Y. Long', 'Z. Lin', 'L. Zhang', 'B. Lin', 'Cai', 'He'],
  },
  offers: 'Find out how small your model can go, what breaks first, and which recipe lies on the Pareto front.',
  claims: [
    {
      id: 'CS-1',
      statement:
        'Five branches cover the field: quantisation, pruning, distillation, compact architecture and dynamic networks.',
      measure: 'whether each branch has a method that runs on one model',
      paper: { value: 'taxonomy', source: 'paper', where: 'abstract' },
      quote:
        'can still be categorized into quantization, pruning, distillation, compact architecture design, dynamic networks',
    },
    {
      id: 'CS-2',
      statement:
        'Most compression needs retraining afterwards, the dominant cost for large models; hence tuning-free methods.',
      measure: 'cost per recovered loss, tuned and tuning-free methods',
      paper: { value: 'qualitative', baseline: 'tuned methods', source: 'paper', where: 'abstract' },
      quote: 'Most of compression algorithms require finetuning or even retraining the model after compression',
    },
    {
      id: 'CS-3',
      statement: 'What matters for large models is keeping their versatility, not one task.',
      measure: 'damage over several domains and tasks, and its spread',
      paper: { value: 'qualitative', baseline: 'a single-task measure', source: 'paper', where: 'abstract' },
      quote: 'Large models emphasize versatility and generalization rather than performance on a single task',
    },
    {
      id: 'CS-4',
      statement: '"Medium" and "real" large models should be told apart.',
      measure: 'classes by size',
      paper: {
        value: 'BERT/BART/GPT-2 class against above about 1B parameters (threshold second-hand)',
        source: 'paper',
        where: 'abstract',
      },
      quote: "we further distinguish large language models into medium models and ``real'' large models",
    },
    {
      id: 'CS-5',
      statement: 'Mature frameworks already give basic compression and acceleration.',
      measure: 'which frameworks a model can be exported to',
      paper: { value: 'FlashAttention, DeepSpeed, FlexGen, PowerInfer and others', source: 'paper', where: 'abstract' },
      quote:
        'mature frameworks for efficient inference of large models, which can support basic compression or acceleration algorithms',
    },
    {
      id: 'CS-6',
      statement: 'Minimising the error of the output beats minimising the error of the weights.',
      measure: 'GPTQ against round-to-nearest, measured both ways',
      paper: {
        value: 'qualitative',
        baseline: 'round-to-nearest',
        source: 'third party',
        where: "body, by a reader's notes",
      },
    },
    {
      id: 'CS-7',
      statement: 'Activations have a few systematic outlier dimensions that ruin plain int8 activations.',
      measure: 'plain W8A8, outlier split and SmoothQuant',
      paper: { value: 'qualitative (LLM.int8)', source: 'third party', where: 'body' },
    },
    {
      id: 'CS-8',
      statement:
        'Magnitude alone prunes large models poorly; activation-aware and second-order scores are far better in one shot.',
      measure: 'loss after 50 % and 2:4 pruning by score',
      paper: { value: 'qualitative', baseline: 'magnitude', source: 'third party', where: 'body' },
    },
    {
      id: 'CS-9',
      statement: 'BERT-size nets can lose 30 to 40 % of their weights; 20 to 30 % of heads are useless.',
      measure: 'score against sparsity',
      paper: { value: '30-40 % of weights, 20-30 % of heads, as cited there', source: 'third party', where: 'body' },
    },
    {
      id: 'CS-10',
      statement: 'Generative models are harder to quantise: errors accumulate over tokens and embeddings become alike.',
      measure: 'length until greedy text diverges; mean pairwise cosine of embeddings',
      paper: { value: 'qualitative', baseline: 'encoder models', source: 'third party', where: 'body' },
    },
  ],
  remarks: [
    'A survey: no system, no measurements of its own. What runs here is one bench with at least one faithful method of each branch.',
    'As of February 2024; rotations (QuaRot, SpinQuant), cache quantisation and 1.58-bit training are later. Perplexity hides damage.',
  ],
} satisfies Method;
