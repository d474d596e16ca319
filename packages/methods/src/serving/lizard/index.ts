import type { Method } from '../../contract.ts';

export default {
  slug: 'lizard',
  family: 'serving',
  paper: {
    title: 'Lizard: An Efficient Linearization Framework for Large Language Models',
    arxiv: '2507.09025',
    date: '2025-07-11',
    authors: [],
    links: [{ label: 'Independent reproduction', url: 'https://github.com/mahdikhashan/lolcats', by: 'others' }],
  },
  offers:
    'Turn a softmax-attention checkpoint into one with gated linear attention and a small window, so that memory stays constant however long the text.',
  claims: [
    {
      id: 'LIZ-1',
      statement: "The linearised model recovers its teacher's quality almost without loss.",
      measure: "scores against the teacher's",
      paper: {
        value: 'near-lossless',
        baseline: 'teacher',
        setting: 'standard language-model evaluation tasks',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        "Lizard achieves near-lossless recovery of the teacher model's performance across standard language modeling tasks",
    },
    {
      id: 'LIZ-2',
      statement: 'On 5-shot MMLU it beats earlier linearisation methods by 18 points.',
      measure: 'MMLU 5-shot',
      paper: {
        value: '+18',
        unit: 'points',
        baseline: 'previous linearisation methods; 61.2 against Liger 43.4 (17.8) and LoLCATs 52.8 (8.4)',
        setting: 'Llama-3-8B / Mistral-7B; version 3 says +9.4 to +24.5',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'On the 5-shot MMLU benchmark, Lizard improves over prior models by 18 points',
    },
    {
      id: 'LIZ-3',
      statement: 'It is significantly better on associative recall.',
      measure: 'associative recall',
      paper: {
        value: 'significantly better (numbers not found)',
        baseline: 'previous linear methods',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'shows significant improvements on associative recall tasks',
    },
    {
      id: 'LIZ-4',
      statement: 'Inference needs constant memory and generalises to longer texts.',
      measure: 'memory and quality against length',
      paper: {
        value: 'constant memory, strong length generalisation',
        baseline: 'growing KV cache, rotary positions',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'supports constant-memory inference, offers strong length generalization',
    },
    {
      id: 'LIZ-5',
      statement: 'A hardware-aware algorithm makes training faster.',
      measure: 'training throughput',
      paper: {
        value: 'up to 32',
        unit: '%',
        baseline: 'gated attention in fp32',
        setting: 'bf16 tensor cores',
        source: 'third party',
        where: 'abstract; the value: a paper note',
      },
      quote: 'we introduce a hardware-aware algorithm that accelerates the training speed of our models',
    },
    {
      id: 'LIZ-6',
      statement: 'Linearised Llama-3-8B scores close to or above its teacher except on MMLU.',
      measure: 'MMLU / ARC-c / HellaSwag / average',
      paper: {
        value: '61.2 / 56.7 / 79.3 / 74.6',
        unit: '%',
        baseline: 'teacher 66.6 / 53.3 / 79.1 / 73.1',
        setting: 'Llama-3-8B, 0.04B tokens',
        source: 'third party',
      },
    },
    {
      id: 'LIZ-7',
      statement: "Keeping half of the layers' softmax attention brings MMLU back to 65.1.",
      measure: 'MMLU of the hybrid',
      paper: {
        value: '65.1',
        unit: '%',
        baseline: 'teacher 66.6',
        setting: '50 % softmax layers, Llama-3-8B',
        source: 'third party',
      },
    },
    {
      id: 'LIZ-8',
      statement: 'Window, gate and first stage are all needed.',
      measure: 'MMLU without window / without gate / without stage 1 / with full fine-tuning',
      paper: {
        value: '39.7 / 42.2 / 50.8 / 61.4',
        unit: '%',
        baseline: '61.2',
        setting: 'ablation',
        source: 'third party',
        where: 'Table 6 (version 4)',
      },
    },
    {
      id: 'LIZ-9',
      statement: 'A scalar gate per token is the best form of gate.',
      measure: 'MMLU with scalar gate / Mamba-2 style / low-rank vector / pooling',
      paper: { value: '61.2 / 57.6 / 53.5 / 44.1', unit: '%', source: 'third party', where: 'Table 4' },
    },
    {
      id: 'LIZ-10',
      statement: 'A window of 128 with four meta tokens is best; larger windows hurt.',
      measure: 'MMLU by window (32/64/128/256 with m=4) and by meta tokens (m=2/4/6 with w=128)',
      paper: {
        value: '52.4 / 57.6 / 61.2 / 44.6; 58.6 / 61.2 / 60.8',
        unit: '%',
        source: 'third party',
        where: 'Table 7',
      },
    },
    {
      id: 'LIZ-11',
      statement: 'Linearised Llama-3.2-1B matches its teacher on most tasks.',
      measure: 'PIQA / ARC-e / ARC-c / HellaSwag / WinoGrande / MMLU',
      paper: {
        value: '74.8 / 65.6 / 36.5 / 64.1 / 59.7 / 29.8',
        unit: '%',
        baseline: 'teacher 74.1 / 65.4 / 36.4 / 63.8 / 60.0 / 31.0; LoLCATs 74.6 / 63.0 / 35.1 / 63.7 / 61.5 / 27.3',
        setting: 'Llama-3.2-1B',
        source: 'third party',
        where: 'Table 9',
      },
    },
  ],
  remarks: [
    'This shelf carries the early abstract; later versions say 9.4 to 24.5 points and "anchor window attention". There is no official code.',
    'With a row-normalised gate branch every head adds total weight 1 from the global branch, so sharply local heads cannot be fitted: a reproduction measured a relative error above 1 in one layer.',
  ],
} satisfies Method;
