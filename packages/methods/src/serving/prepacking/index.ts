import type { Method } from '../../contract.ts';
import { parameters } from './parameters.ts';

export default {
  slug: 'prepacking',
  family: 'serving',
  paper: {
    title: 'Prepacking: A Simple Method for Fast Prefilling and Increased Throughput in Large Language Models',
    arxiv: '2404.09529',
    date: '2024-04-15',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/siyan-zhao/prepacking', by: 'authors' }],
  },
  offers:
    'Prefill a pile of prompts of mixed length faster on the model you have, and get ordinary per-prompt caches back.',
  parameters,
  claims: [
    {
      id: 'PRE-1',
      statement: 'The more prompt lengths vary within a batch, the more computation padding wastes.',
      measure: 'waste of padding against length variance in the batch',
      paper: {
        value: 'grows with variance',
        baseline: 'padding to the longest prompt',
        setting: 'batched prefill',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'for batches containing high-varying prompt lengths, significant computation is wasted by the standard practice of padding sequences to the maximum length',
      rule: {
        stage: 'time',
        values: { correlation: 'rank correlation' },
        holds: 'correlation.low >= 0.5',
        partly: 'correlation.low > 0.0',
      },
    },
    {
      id: 'PRE-2',
      statement: 'Prepacking makes prefill significantly faster than padding.',
      measure: 'prefill speed-up',
      paper: {
        value: 'significant',
        baseline: 'Hugging Face default padded prefill (full batching)',
        setting: 'several base models and data sets',
        source: 'paper',
        where: 'abstract',
      },
      // Of the sentence only the speed: memory is PRE-3's.
      quote: 'we obtain a significant speed',
      rule: {
        stage: 'time',
        values: { titlesAndAbstracts: 'x', sentencesAbstractsTitles: 'x' },
        holds: 'titlesAndAbstracts.low >= 1.5 && sentencesAbstractsTitles.low >= 1.5',
        partly: 'titlesAndAbstracts.low >= 1.1 && sentencesAbstractsTitles.low >= 1.1',
      },
    },
    {
      id: 'PRE-3',
      statement: 'Prepacking makes prefill need significantly less memory than padding.',
      measure: 'peak memory of padded prefill over that of packed prefill',
      paper: {
        value: 'significant',
        baseline: 'Hugging Face default padded prefill (full batching)',
        setting: 'several base models and data sets',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'memory efficiency improvements as compared to the default padding-based prefilling computation',
      rule: {
        stage: 'memory',
        values: { ratio: 'x' },
        holds: 'ratio.low >= 1.2',
        partly: 'ratio.low >= 1.02',
      },
    },
    {
      id: 'PRE-4',
      statement:
        'One packed row gives the exact caches of several prompts: only mask and positions change, nothing is approximated.',
      measure: 'difference of unpacked caches, embeddings and greedy tokens from those of each prompt alone',
      paper: {
        value: 'exact',
        baseline: 'separate prefills',
        setting: 'attention mask and positions changed only',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'It then modifies the attention mask and positional encoding to compute multiple prefilled KV-caches for multiple prompts within a single sequence',
      rule: {
        stage: 'exactness',
        values: {
          cacheDifference: 'of the largest value',
          embeddingDifference: 'absolute',
          equalTokens: '%',
          controlDifference: 'of the largest value',
        },
        holds:
          'cacheDifference <= 0.00001 && embeddingDifference <= 0.00001 && equalTokens >= 100.0 && controlDifference > 0.001',
        partly: 'cacheDifference <= 0.001 && equalTokens >= 95.0 && controlDifference > 0.001',
      },
    },
    {
      id: 'PRE-5',
      statement:
        'On MMLU questions in batches of 64, prefill takes 0.441 s a batch instead of 2.299 s padded and 0.658 s ordered by length.',
      measure: 'prefill seconds per batch',
      paper: {
        value: '0.441',
        unit: 's/batch',
        baseline: 'full batching 2.299 (5.2x), length-ordered 0.658 (1.5x)',
        setting: 'MMLU, batch 64, Sheared-LLaMA-1.3B, one A6000 48 GB',
        source: 'repository',
        where: 'README',
      },
      rule: {
        stage: 'time',
        values: { overPadded: 'x', overSorted: 'x' },
        holds: 'overPadded.low >= 3.6 && overSorted.low >= 1.05',
        partly: 'overPadded.low >= 1.5',
      },
    },
    {
      id: 'PRE-6',
      statement:
        'In the same run, peak memory is 4,578 MB instead of 34,600 MB padded and 22,950 MB ordered by length.',
      measure: 'peak GPU memory; here: peak resident memory of prefill above the loaded model',
      paper: {
        value: '4,578',
        unit: 'MB',
        baseline: 'full batching 34,600 (7.6x), length-ordered 22,950 (5.0x)',
        setting: 'MMLU, batch 64, Sheared-LLaMA-1.3B, one A6000 48 GB',
        source: 'repository',
        where: 'README',
      },
      rule: {
        stage: 'memory',
        values: { overPadded: 'x', overSorted: 'x' },
        holds: 'overPadded.low >= 3.8 && overSorted.low >= 2.5',
        partly: 'overPadded.low >= 1.5',
      },
    },
    {
      id: 'PRE-7',
      statement: 'The gain is work avoided, not utilisation: mean GPU utilisation falls slightly.',
      measure: 'mean GPU utilisation',
      paper: {
        value: '91.2',
        unit: '%',
        baseline: 'full batching 99.7 %, length-ordered 98.0 %',
        setting: 'MMLU, batch 64, Sheared-LLaMA-1.3B, one A6000 48 GB',
        source: 'repository',
        where: 'README',
      },
      note: 'Utilisation of a GPU; the experiment runs on a processor, whose utilisation says little about avoided work.',
    },
    {
      id: 'PRE-8',
      statement: 'The time to the first token falls by up to six times.',
      measure: 'speed-up of the time to first token, best case',
      paper: {
        value: 'up to 6',
        unit: 'x',
        baseline: 'full batching',
        setting: 'across data sets',
        source: 'third party',
        unverified: true,
      },
      rule: {
        stage: 'time',
        values: { best: 'x' },
        holds: 'best.low >= 4.8',
        partly: 'best.low >= 1.5',
      },
    },
    {
      id: 'PRE-9',
      statement: 'Batches up to sixteen times larger fit into the same memory.',
      measure: 'largest batch that fits',
      paper: {
        value: 'up to 16',
        unit: 'x',
        baseline: 'full batching',
        setting: 'memory-limited GPU',
        source: 'third party',
        unverified: true,
      },
      note: 'A GPU with a fixed memory is what this measures; the experiment runs in ordinary memory, where nothing stops a batch sharply.',
    },
    {
      id: 'PRE-10',
      statement:
        'The experiments use 1,000 texts each of MMLU, Wikitext-2 cut at 256 and 512, HH-RLHF, Alpaca and SamSum.',
      measure: 'data sets used',
      paper: {
        value: 'MMLU questions, Wikitext-2 (256/512), HH-RLHF, Alpaca, SamSum; 1,000 texts each',
        source: 'repository',
        where: 'configuration',
      },
      note: "Describes the paper's data: there is nothing to test. The experiment here uses the founding page's titles, abstracts and sentences.",
    },
  ],
  remarks: [
    'The gain is against padding as Hugging Face does it; servers with variable-length attention and continuous batching (vLLM, TGI, TensorRT-LLM) avoid pad tokens already.',
    'Attention by segments never multiplies tokens of different prompts, as variable-length kernels do; the paper masks them. Every strategy here, padding too, is measured with the attention that is expected to be faster for it.',
    'There is no gain when lengths are alike; one very long prompt in a batch gives the largest. Ordering by length is the honest competitor and is measured beside it.',
    'Packing sequences under a block-diagonal mask is old in training; what is new is doing it at prefill and unpacking the caches.',
  ],
} satisfies Method;
