import type { Method } from '../../contract.ts';

export default {
  slug: 'obert',
  family: 'compression',
  paper: {
    title: 'The Optimal BERT Surgeon: Scalable and Accurate Second-Order Pruning for Large Language Models',
    arxiv: '2203.07259',
    date: '2022-03-14',
    authors: [],
    links: [
      {
        label: 'Code and recipes',
        url: 'https://github.com/neuralmagic/sparseml/tree/main/research/optimal_BERT_surgeon_oBERT',
        by: 'authors',
      },
    ],
  },
  offers:
    'Prune your own fine-tuned encoder (or Llama-like decoder) with second-order scores, in one shot or gradually, against magnitude in the same run.',
  claims: [
    {
      id: 'OB-1',
      statement: 'BERT becomes 10 times smaller with less than 1 % loss of accuracy.',
      measure: 'size at less than 1 % loss',
      paper: {
        value: '10',
        unit: 'x',
        baseline: 'dense BERT-base, 384.7 MB, F1 88.54',
        setting:
          '12 layers, 80 % 4-block + int8 quantisation-aware training, SQuAD v1.1: 37.8 MB gzip, F1 recall 99.26 %',
        source: 'paper',
        where: 'abstract and tables',
      },
      quote: 'we obtain 10x model size compression (in MB) with < 1% accuracy drop',
    },
    {
      id: 'OB-2',
      statement: 'It runs 10 times faster on a processor with less than 2 % loss.',
      measure: 'speed-up at less than 2 % loss',
      paper: {
        value: '10',
        unit: 'x',
        baseline: 'dense in the same runtime',
        setting:
          '6 layers, 90 % unstructured, DeepSparse, c5.12xlarge, batch 32, length 128: 10.07x, F1 recall 98.01 %',
        source: 'paper',
        where: 'abstract and tables',
      },
      quote: '10x CPU-inference speedup with < 2% accuracy drop',
    },
    {
      id: 'OB-3',
      statement: 'It runs 29 times faster with less than 7.5 % loss.',
      measure: 'speed-up at less than 7.5 % loss',
      paper: {
        value: '29',
        unit: 'x',
        baseline: 'dense in the same runtime',
        setting: '3 layers, 80 % 4-block + quantisation-aware training: 28.75x, F1 recall 92.66 %',
        source: 'paper',
        where: 'abstract and tables',
      },
      quote: '29x CPU-inference speedup with < 7.5% accuracy drop',
    },
    {
      id: 'OB-4',
      statement: 'It is the state of the art of pruning in fine-tuning and in pre-training.',
      measure: 'scores at equal sparsity in both stages',
      paper: { value: 'state of the art (see OB-5, OB-6)', source: 'paper', where: 'abstract' },
      quote:
        'which we show to yield state-of-the-art results in both stages of language tasks: pre-training and fine-tuning',
    },
    {
      id: 'OB-5',
      statement: 'Pruned while fine-tuning, SQuAD F1 stays at 88.3 at 90 % sparsity and 86.0 at 97 %.',
      measure: 'SQuAD F1 at 90 % / 97 % sparsity',
      paper: {
        value: '87.98 / 84.65 (10 epochs), 88.31 / 85.98 (30 epochs)',
        baseline: 'soft movement pruning 84.90 / 82.30; dense 88.54; lottery ticket about 68 at 90 %',
        setting:
          'gradual, with distillation; MNLI 83.20/81.00 against 81.20/79.50, QQP 90.89/90.23 against 90.20/89.10',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'OB-6',
      statement: 'Pruned to 90 % before fine-tuning, it transfers better than Prune OFA.',
      measure: 'SQuAD / MNLI / QQP / SST-2 / QNLI',
      paper: {
        value: '88.49 / 83.40 / 90.99 / 92.20 / 89.97',
        baseline: 'Prune OFA 87.25 / 81.45 / 90.93 / 90.88 / 89.07',
        setting: '8 epochs, fixed mask',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'OB-7',
      statement: 'In one shot to 2:4, second-order scores keep F1 83 where magnitude keeps 50.',
      measure: 'SQuAD F1 / EM, one-shot 2:4',
      paper: {
        value: '83.17 / 74.18; after 1 epoch 88.58 / 81.16; 1.85x on Ampere',
        baseline: 'magnitude 49.97 / 35.24; dense 88.54 / 81.41',
        setting: 'no retraining',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'OB-8',
      statement: 'Recomputing the scores 32 times on the way makes one-shot pruning far better.',
      measure: 'one-shot F1 at 70 / 80 / 90 %',
      paper: {
        value: '85.49 / 78.65 / 47.67 with 32 recomputations',
        baseline: '83.38 / 57.48 / 14.57 with 1 (the default)',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'OB-9',
      statement: 'Pruning, blocks and quantisation compound.',
      measure: 'F1 unstructured / 4-block / 4-block + quantisation at 90 %',
      paper: {
        value: '12 layers 88.31/87.57/86.68; 6 layers 86.78/85.34/84.59; 3 layers 82.50/80.69/79.66',
        baseline: 'dense in the same set-up 89.48 / 88.32 / 84.66',
        setting: '30 epochs',
        source: 'paper',
        where: 'table',
      },
    },
    {
      id: 'OB-10',
      statement: '1024 gradients, blocks of 50 and a dampening of 1e-7 work best.',
      measure: 'best setting of the ablation',
      paper: {
        value: 'm = 1024, B = 50, lambda = 1e-7',
        baseline: 'm 128/512, B to 500k, lambda 1e-6 to 1e-8',
        setting: 'one-shot, 50-70 %',
        source: 'paper',
        where: 'ablation',
      },
    },
  ],
  remarks: [
    "The abstract's three values are three different models; the speed needs DeepSparse on 24-core machines; the size counts gzip.",
    'Summing single-weight updates can be worse than magnitude in one big step when weights are strongly coupled; the joint update with recomputation is the safer choice.',
    'Later: SparseGPT (same family, layer by layer), Wanda, ZipLM.',
  ],
} satisfies Method;
