import type { Method } from '../../contract.ts';

export default {
  slug: 'chunkllm',
  family: 'serving',
  paper: {
    title: 'ChunkLLM: A Lightweight Pluggable Framework for Accelerating LLMs Inference',
    arxiv: '2510.02361',
    date: '2025-09-28',
    authors: [],
  },
  offers:
    'Put small adapters on a model you own and run long documents reading about half of the cache, seeing which chunks the model reads when.',
  claims: [
    {
      id: 'CHK-1',
      statement: 'Long-context quality stays at 98.64 % of the unchanged model.',
      measure: "share of the unchanged model's score",
      paper: {
        value: '98.64',
        unit: '%',
        baseline: 'vanilla model = 100 %',
        setting: 'LongBench-type sets, at the cache rate of CHK-2',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote: 'maintains 98.64% of the performance on long-context benchmarks',
    },
    {
      id: 'CHK-2',
      statement: 'Only 48.58 % of the key-value cache is kept.',
      measure: 'share of the KV cache kept',
      paper: {
        value: '48.58',
        unit: '%',
        baseline: '100 %',
        setting: 'LongBench-type sets',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote: 'preserving a 48.58% key-value cache retention rate',
    },
    {
      id: 'CHK-3',
      statement: 'Texts of 120K tokens are processed up to 4.48 times faster.',
      measure: 'largest speed-up',
      paper: {
        value: '4.48',
        unit: 'x',
        baseline: 'vanilla Transformer',
        setting: 'texts of 120K tokens',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote:
        'attains a maximum speedup of 4.48x in comparison to the vanilla Transformer in the processing of 120K long texts',
    },
    {
      id: 'CHK-4',
      statement: 'Short-text benchmarks stay comparable.',
      measure: 'scores on short-text benchmarks',
      paper: {
        value: 'comparable',
        baseline: 'vanilla model',
        setting: 'several sets',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote: 'attains comparable performance on short-text benchmarks',
    },
    {
      id: 'CHK-5',
      statement: 'Only the adapters are trained; the backbone stays frozen.',
      measure: 'which weights change',
      paper: {
        value: 'backbone frozen',
        baseline: 'full training',
        setting: 'a QK adapter in every layer, one chunk adapter at the bottom',
        source: 'paper',
        where: 'abstract (version 1)',
      },
      quote:
        'the parameters of the backbone remain frozen, with only the QK Adapter and Chunk Adapter undergoing training',
    },
    {
      id: 'CHK-6',
      statement: 'The revision reports another operating point: 99.49 % of the quality at 52.10 % of the cache.',
      measure: 'quality and cache rate',
      paper: {
        value: '99.49 % at 52.10 %',
        baseline: '100 % at 100 %',
        setting: 'same claim, other operating point',
        source: 'paper',
        where: 'abstract (version 2)',
      },
    },
    {
      id: 'CHK-7',
      statement:
        'The method is shown on Qwen2.5-7B and Llama-3.1-8B against StreamingLLM, SepLLM and fixed-length chunks.',
      measure: 'models and rivals',
      paper: {
        value: 'Qwen2.5-7B, Llama-3.1-8B',
        baseline: 'StreamingLLM, SepLLM, fixed-length chunks (FixLLM)',
        setting: 'long, needle-in-a-haystack and short sets',
        source: 'third party',
      },
    },
    {
      id: 'CHK-8',
      statement: 'Needle retrieval is above StreamingLLM in every cell with less cache.',
      measure: 'needle-in-a-haystack accuracy',
      paper: {
        value: 'above in every cell',
        baseline: 'StreamingLLM, SepLLM',
        setting: 'single-sentence needles',
        source: 'third party',
      },
    },
    {
      id: 'CHK-9',
      statement: 'Tokens of one chunk attend to the same past chunks, and the set changes at chunk boundaries.',
      measure: 'agreement of attended chunks within a chunk and across a boundary',
      paper: { value: 'observed', setting: 'motivates selecting once a chunk', source: 'third party' },
    },
    {
      id: 'CHK-10',
      statement: 'Without the vote across layers quality falls.',
      measure: 'quality without the cross-layer vote',
      paper: {
        value: 'lower (value not found)',
        baseline: 'each layer keeps its own top chunks',
        setting: 'ablation',
        source: 'third party',
      },
    },
  ],
  remarks: [
    'A bound of our own: at 120K tokens and batch 1 in bf16, reading no cache at all gives at most 1.45x (Qwen2.5-7B) or 2.0x (Llama-3.1-8B) in decoding; 4.48x must come from an eager baseline or from prefill.',
    'Public reviews (withdrawn from ICLR 2026) ask why voting beats per-layer choice, miss H2O, SnapKV and Quest, and note that splitting by sentences does not suit code.',
    'No code is known; adapter width, number of chunks and training set-up are not established from what could be read.',
  ],
} satisfies Method;
