import type { Method } from '../../contract.ts';

export default {
  slug: 'ast-pruning',
  family: 'compression',
  paper: {
    title: 'Pruning Large Language Models with Semi-Structural Adaptive Sparse Training',
    arxiv: '2407.20584',
    date: '2024-07-30',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/thu-ml/Adaptive-Sparse-Trainer', by: 'authors' }],
  },
  offers:
    'Turn your own decoder (or encoder) into a strict 2:4 sparse model with a short distilled retraining, the dense model as its own teacher.',
  claims: [
    {
      id: 'AST-1',
      statement: 'The zero-shot gap between dense and 2:4 sparse narrows to 1.12 % on Llama2-7B.',
      measure: 'mean zero-shot accuracy, dense less sparse',
      paper: {
        value: '1.12',
        unit: 'points',
        baseline: 'earlier 2:4 methods',
        setting:
          'LLaMA2-7B, 7 tasks, less than 0.4 % of the pre-training tokens (7B); version 3: 1.16; table: 59.78 to 58.62 with extra parameters, 57.68 without',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote:
        'reducing the zero-shot accuracy gap between dense and semi-structured sparse models to 1.12% across multiple zero-shot tasks on Llama2-7B',
    },
    {
      id: 'AST-2',
      statement: 'With quantisation, models shrink up to 16 times at minimal loss.',
      measure: 'compression and loss with quantisation',
      paper: {
        value: 'up to 16',
        unit: 'x',
        baseline: 'dense fp32',
        setting: '2:4 + 4-bit (AWQ); 32 / (4 x 1/2) without metadata',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote:
        'AST can compress language models by up to 16x compared to dense FP32 precision models with minimal performance loss',
    },
    {
      id: 'AST-3',
      statement: 'Distillation prevents over-fitting, masks adapt during training, and extra parameters help.',
      measure: 'perplexity with each part left out',
      paper: { value: 'each helps (see AST-7)', source: 'paper', where: 'abstract (version 1)' },
      quote:
        'By distilling the knowledge stored in its dense counterpart, we prevent the sparse model from overfitting and ensure a stable training process',
    },
    {
      id: 'AST-4',
      statement: 'On WikiText-2 the perplexity of Llama2-7B rises by 0.57 only.',
      measure: 'perplexity, WikiText-2',
      paper: {
        value: '5.69 with extra parameters (+0.57), 5.82 without (+0.70)',
        baseline: 'dense 5.12; Wanda 11.02',
        setting: 'LLaMA2-7B',
        source: 'paper',
        where: 'version 3',
      },
    },
    {
      id: 'AST-5',
      statement: 'On OPT models, sparse perplexity comes close to dense.',
      measure: 'perplexity, OPT 125M / 350M / 1.3B',
      paper: {
        value: 'naive 30.22 / 24.65 / 15.85, boosted 28.68 / 24.03 / 15.43',
        baseline:
          'dense 27.76/22.00/14.62; SparseGPT 45.58/40.33/29.03; Wanda 60.91/50.16/23.92; iterative magnitude 38.37/30.29/23.94; gradual magnitude 31.51/25.98/16.78 (both retrained with distillation)',
        setting: 'trained on C4, WikiText-2 raw',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'AST-6',
      statement: 'On GPT-2 models, sparse perplexity comes close to dense.',
      measure: 'perplexity, GPT-2 124M / 350M / 774M / 1.5B',
      paper: {
        value: 'naive 32.23 / 23.65 / 21.29 / 18.33, boosted 31.13 / 23.03 / 20.66 / 18.01',
        baseline: 'dense 29.95/21.72/19.43/17.40; Wanda 115.64/63.71/49.97/30.44; gradual 33.48/24.83/22.01/18.96',
        setting: 'trained on C4, WikiText-2 raw',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'AST-7',
      statement: 'Distillation carries most of the gain; adaptive masks and annealing add a little each.',
      measure: 'perplexity with parts left out, GPT-2 124M / 350M / 774M, OPT-125M',
      paper: {
        value: '32.23 / 23.65 / 21.29, 30.22',
        baseline:
          'naive training 40.34/29.79/28.65, 39.46; no distillation 39.29/29.08/27.21, 36.97; static SR-STE 32.84/24.04/21.73, 31.08; fixed mask 32.93/24.18/21.95, 31.06',
        setting: 'column alignment repaired here (damaged in the stored text)',
        source: 'paper',
        where: 'ablation table',
      },
    },
    {
      id: 'AST-8',
      statement: 'Plain KL on the logits is a better distillation loss than matching hidden states.',
      measure: 'perplexity by distillation loss',
      paper: {
        value: 'KL 32.23',
        baseline: 'TinyBERT 42.75, MobileBERT 44.87, sparse fine-tuning (hidden states) 41.19, reverse KL 32.20',
        setting: 'GPT-2 124M',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'AST-9',
      statement: 'Knowledge is not fully kept: MMLU falls by 7 points.',
      measure: 'MMLU 5-shot / MATH / GSM8K',
      paper: {
        value: '38.2 / 4.64 / 36.2',
        unit: '%',
        baseline: 'dense 45.3 / 5.38 / 40.3; Wanda 27.6 / 2.86 / 32.1',
        setting: 'LLaMA2-7B, boosted',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'AST-10',
      statement: 'Decoding is 1.3 to 1.8 times faster.',
      measure: 'decoding speed-up',
      paper: {
        value: '1.33-1.34x (RTX 4090), 1.78-1.83x (L20)',
        baseline: 'dense',
        setting: 'TensorRT-LLM, 2:4',
        source: 'paper',
        where: 'table',
      },
    },
  ],
  remarks: [
    '"16x" counts neither indices nor the extra parameters; the Llama values use 7B tokens of retraining, so training-free rivals are not like for like.',
    'Distillation wins back nearly all of what is won: naive training 40.3 to about 32.9; adaptive mask and annealing add about 0.6 to 0.7 each at 124M.',
  ],
} satisfies Method;
