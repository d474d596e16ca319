import type { Method } from '../../contract.ts';

export default {
  slug: 'clex',
  family: 'long-context',
  paper: {
    title: 'CLEX: Continuous Length Extrapolation for Large Language Models',
    arxiv: '2310.16450',
    date: '2023-10-25',
    authors: ['G. Chen', 'X. Li', 'Meng', 'Liang', 'Bing'],
    links: [{ label: 'Code', url: 'https://github.com/DAMO-NLP-SG/CLEX', by: 'authors' }],
  },
  offers:
    'Give it a RoPE checkpoint and text; get the same checkpoint that reads 4 to 8 times further, plus its frequency curves.',
  claims: [
    {
      id: 'CX-1',
      statement: 'The context window grows to over 4 or almost 8 times the training length with no loss.',
      measure: 'perplexity against length beyond the training length',
      paper: {
        value: 'over 4, almost 8',
        unit: 'x the training length',
        baseline: 'position interpolation, YaRN and others degrade past their target',
        setting: 'LLaMA-2 7B (4x) / 13B (near 8x)',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'CLEX can effectively extend the context window to over 4x or almost 8x training length, with no deterioration in performance',
    },
    {
      id: 'CX-2',
      statement: 'Trained at 4k, it competes on LongBench with open models trained to 32k.',
      measure: 'LongBench average',
      paper: {
        value: 'competitive',
        baseline: 'open models trained up to 32k, see CX-8',
        setting: 'CLEX-7B-Chat-4K',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'our model trained on a 4k length exhibits competitive performance against state-of-the-art open-source models trained on context lengths up to 32k',
    },
    {
      id: 'CX-3',
      statement: 'It hardly costs time in training and inference.',
      measure: 'decoding speed',
      paper: {
        value: '27.8',
        unit: 'tokens/s',
        baseline: 'plain RoPE 28.3 tokens/s',
        setting: 'LLaMA-2-7B, 16k context, 512 generated, one A100',
        source: 'repository',
        where: 'README; the claim itself: abstract',
      },
      quote: 'with negligible impact on training and inference latency',
    },
    {
      id: 'CX-4',
      statement: 'It fits any model with rotary position embedding.',
      measure: 'applicability',
      paper: { value: 'LLaMA, GPT-NeoX (README: LLaMA-2, Phi-2, Mixtral)', source: 'paper', where: 'abstract' },
      quote:
        'CLEX can be seamlessly incorporated into LLMs equipped with Rotary Position Embedding, such as LLaMA and GPT-NeoX',
    },
    {
      id: 'CX-5',
      statement: "Trained at 4k, the 7B model's perplexity stays flat to 16k and rises beyond.",
      measure: 'perplexity at 4k/8k/16k/32k/64k',
      paper: {
        value: '5.86 / 5.70 / 5.87 / 14.53 / 30.51',
        baseline: 'LLaMA-2 6.04/20.54/>100/>1000/>1000; RandomPos-4k 5.88/>100/>1000; ALiBi-4k 6.34/6.39/6.41/6.5/6.51',
        setting: '7B trained at 4k; RedPajama-Book, 2B training tokens',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CX-6',
      statement: 'Trained at 16k, perplexity stays flat to 64k.',
      measure: 'perplexity at 4k/8k/16k/32k/64k',
      paper: {
        value: '5.88 / 5.68 / 5.52 / 5.55 / 5.64',
        baseline:
          'PI 5.9/5.71/5.72/6.05/8.75; YaRN s=16 6.5/5.71/5.73/5.99/8.51; YaRN s=32 6.61/5.94/5.96/6.08/6.22; CL-Scaling 24.99/5.86/5.87/10.56/41.09; naive fine-tuning 5.98/5.93/5.91/18.31/>100; CodeLLaMA 7.6/7.4/7.33/15.12/52.02',
        setting: '7B trained at 16k; RedPajama-Book',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CX-7',
      statement: 'The 13B model trained at 4k is flat to 16k and 18 % worse at 32k.',
      measure: 'perplexity at 4k/8k/16k/32k/64k',
      paper: {
        value: '5.43 / 5.31 / 5.34 / 6.40 / 12.15',
        setting: '13B trained at 4k; "almost 8x" rests on this row',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CX-8',
      statement: 'The chat model tuned at 4k averages 32.72 on LongBench.',
      measure: 'LongBench average',
      paper: {
        value: '32.72',
        baseline:
          'LongChat-v1.5-7B-32k 31.59; Vicuna-v1.5-16k 30.54; CodeLLaMA-16k 33.42; Llama2-chat 26.76; ALiBi-7B-4k 9.93; GPT-3.5-16k 44.66',
        setting: 'chat model tuned at 4k',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CX-9',
      statement: 'Trained at 64k, perplexity stays flat to 256k.',
      measure: 'perplexity at 32k to 256k',
      paper: {
        value: '5.99 / 5.89 / 6.04 / 5.98',
        setting: 'trained at 64k',
        source: 'repository',
        where: 'later README',
      },
    },
  ],
  remarks: [
    'An independent controlled study (Lu et al. 2024, Llama-2-7B) finds that CLEX extrapolates (perplexity 5.82 at 32k, 5.79 at 64k) but that its RULER score at 4k falls to 50.2 from 80.9: against "no deterioration". Dynamic NTK tuned the same way did better.',
    'Peers: YaRN and dynamic NTK in transformers and llama.cpp need no training but know one scale at a time.',
  ],
} satisfies Method;
