import type { Method } from '../../contract.ts';
import { parameters } from './parameters.ts';

export default {
  slug: 'minilm',
  family: 'compression',
  paper: {
    title: 'MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers',
    arxiv: '2002.10957',
    date: '2020-02-25',
    authors: [],
    links: [{ label: 'Code and weights', url: 'https://github.com/microsoft/unilm', by: 'authors' }],
  },
  offers: 'Compress your own BERT-like encoder to the depth and width you choose, using only unlabelled text.',
  parameters,
  claims: [
    {
      id: 'ML-1',
      statement: "With half of the Transformer's parameters and computation, more than 99 % of the accuracy is kept.",
      measure: 'SQuAD 2.0 F1 and GLUE scores of a student of half the size',
      paper: {
        value: '> 99',
        unit: '%',
        baseline: 'BERT-base: SQuAD 2.0 F1 76.8, mean of 8 tasks 81.5 (README)',
        setting:
          'SQuAD 2.0 and several GLUE tasks; task-agnostic student, then fine-tuned; second-hand for 6 x 768: SQuAD 2.0 F1 76.4 and mean of 8 tasks 80.4, which are 99.5 % and 98.6 % of BERT-base',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'it retains more than 99% accuracy on SQuAD 2.0 and several GLUE benchmark tasks using 50% of the Transformer parameters and computations of the teacher model',
      rule: {
        stage: 'quality',
        values: { kept: '%', scratch: '%' },
        holds: 'kept.low >= 99.0',
        partly: 'kept.low >= 95.0 && kept.low > scratch.high',
      },
    },
    {
      id: 'ML-2',
      statement: 'It beats other students of the same size.',
      measure: 'mean of 8 tasks',
      paper: {
        value: '80.4',
        baseline: 'DistilBERT 75.2, TinyBERT 79.1 (both without task-specific distillation)',
        setting: '6 layers x 768',
        source: 'third party',
        where: 'note quoting Table 2; the claim itself: abstract',
      },
      quote:
        'our monolingual model outperforms state-of-the-art baselines in different parameter size of student models',
      note: 'Needs the checkpoints of the other methods and GLUE, which are not at hand. Against three other ways to a student of one shape: the values of ML-1.',
    },
    {
      id: 'ML-3',
      statement: 'The relation between values adds to the transfer of attention.',
      measure: 'score with and without the value relation',
      paper: {
        value: 'direction only (ablation numbers not established)',
        baseline: 'attention transfer alone',
        setting: 'small students',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we introduce the scaled dot-product between values in the self-attention module as the new deep self-attention knowledge',
      rule: {
        stage: 'quality',
        values: { gain: 'points' },
        holds: 'gain.low > 0.0',
        partly: 'gain.value > 0.0',
      },
    },
    {
      id: 'ML-4',
      statement: 'A teacher assistant helps when the gap is large.',
      measure: 'score with and without an assistant',
      paper: {
        value: 'direction only (numbers not established)',
        baseline: 'direct distillation',
        setting: 'students with at most half the layers and half the width',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'introducing a teacher assistant (Mirzadeh et al., 2019) also helps the distillation of large pre-trained Transformer models',
      rule: {
        stage: 'assistant',
        values: { gain: 'points' },
        holds: 'gain.low > 0.0',
        partly: 'gain.value > 0.0',
      },
    },
    {
      id: 'ML-5',
      statement: 'It works for multilingual models too.',
      measure: 'XNLI mean over 15 languages; MLQA F1',
      paper: {
        value: '71.1; 63.2',
        baseline: 'XLM-R base 74.5 / 64.9; mBERT 66.3 / 57.7; XLM-100 70.7',
        setting: '12 layers x 384, 21M Transformer parameters',
        source: 'repository',
        where: 'README; the claim itself: abstract',
      },
      quote:
        'We also obtain competitive results in applying deep self-attention distillation to multilingual pre-trained models',
      note: 'Needs a multilingual teacher, XNLI and MLQA, which are not at hand. The method takes an XLM-RoBERTa as teacher.',
    },
    {
      id: 'ML-6',
      statement: 'Students run 2 to 10 times faster.',
      measure: 'inference time of 12x768 / 6x768 / 12x384 / 6x384 / 4x384 / 3x384',
      paper: {
        value: '93.1 / 46.9 / 34.8 / 17.7 / 12.0 / 9.2',
        unit: 's',
        baseline: 'BERT-base',
        setting: 'speed-ups 2.0x / 2.7x / 5.3x / 7.8x / 10.1x; hardware and batch not established',
        source: 'third party',
        where: 'note quoting the table (2.0, 2.7 and 5.3 also in the README)',
      },
      rule: {
        stage: 'speed',
        values: { half: 'x', narrow: 'x', six: 'x', four: 'x', three: 'x' },
        holds:
          'half >= 1.5 && half <= 2.5 && narrow >= 2.0 && narrow <= 3.4 && six >= 4.0 && six <= 6.6 && four >= 5.8 && four <= 9.7 && three >= 7.6 && three <= 12.7',
        partly: 'half >= 1.5 && narrow >= 2.0 && six >= 4.0 && four >= 5.8 && three >= 7.6',
      },
    },
    {
      id: 'ML-7',
      statement: 'A 33M student of an in-house teacher exceeds BERT-base on several tasks.',
      measure: 'SQuAD2 / MNLI-m / SST-2 / QNLI / CoLA / RTE / MRPC / QQP',
      paper: {
        value: '81.7 / 85.7 / 93.0 / 91.5 / 58.5 / 73.3 / 89.5 / 91.3 (mean 83.1)',
        baseline: 'BERT-base 76.8 / 84.5 / 93.2 / 91.7 / 58.9 / 68.6 / 87.3 / 91.3',
        setting: '12 x 384; the teacher is an in-house UniLM v2, not BERT-base: not comparable with ML-1',
        source: 'repository',
        where: 'README',
      },
      note: 'Needs the in-house teacher, which was not released, and the tasks of GLUE.',
    },
    {
      id: 'ML-8',
      statement: 'A 22M student of the same teacher stays within two points of BERT-base.',
      measure: 'SQuAD2 / MNLI-m / SST-2 / QNLI / CoLA / RTE / MRPC / QQP',
      paper: {
        value: '75.6 / 83.3 / 91.5 / 90.5 / 47.5 / 68.8 / 88.9 / 90.6 (mean 79.6)',
        baseline: 'as in ML-7',
        setting: '6 x 384, same UniLM v2 teacher',
        source: 'repository',
        where: 'README',
      },
      note: 'Needs the in-house teacher, which was not released, and the tasks of GLUE.',
    },
    {
      id: 'ML-9',
      statement: 'The Transformer shrinks from 85.1M to 5.3M parameters, without embeddings.',
      measure: 'Transformer parameters of the shapes of ML-6',
      paper: {
        value: '85.1 to 42.5 / 21.3 / 10.6 / 7.1 / 5.3',
        unit: 'M',
        setting: 'embeddings 23.4M (768) or 11.7M (384) on top',
        source: 'third party',
        where: 'note quoting the table',
      },
      rule: { stage: 'shapes', values: { differ: 'shapes' }, holds: 'differ == 0.0' },
    },
  ],
  remarks: [
    'Of the rivals in the stage quality, the one that imitates the last hidden states learns little: at the rate of the others it comes to the mean of all states, at a fifth of it hardly further, and starts fine-tuning worse than random weights do. Losses on every layer (TinyBERT) are not built; no verdict rests on it.',
    'The released checkpoints came from a UniLM v2 teacher; the distillation loop was never released; MiniLMv2 superseded the loss. Reviewers noted baselines that differ from earlier reports.',
    'The "50 %" excludes embeddings; at width 384 the embedding table is twice the student\'s Transformer.',
    'Output product, MLP and norms behind the last attention, and the pooler, learn nothing from the loss and stay as they began: a student is a place to start fine-tuning from, not an encoder to use.',
    'The paper trains for 400,000 steps of 1,024 sequences of 512 tokens (from memory); the experiment here is a thousandth of that and less, from random weights, and truncating the teacher may well win at such a length.',
    'The teacher is all-MiniLM-L6-v2, itself a descendant of this method. Students are trained without dropout.',
  ],
} satisfies Method;
