import type { Method } from '../../contract.ts';

export default {
  slug: 'hmt',
  family: 'long-context',
  paper: {
    title: 'HMT: Hierarchical Memory Transformer for Long Context Language Processing',
    arxiv: '2405.06067',
    date: '2024-05-09',
    authors: ['He', 'Qin', 'Prakriya', 'Sun', 'Cong'],
    links: [{ label: 'Code', url: 'https://github.com/OswaldHe/HMT-pytorch', by: 'authors' }],
  },
  offers:
    'Wrap a decoder in a memory hierarchy (last tokens, segment summaries, recalled memories), train the small addition, and let it read texts of any length.',
  claims: [
    {
      id: 'HMT-1',
      statement: 'Long-context language modelling steadily improves, for short- and long-context models.',
      measure: 'perplexity on long texts',
      paper: {
        value: 'steadily better',
        baseline: 'the bare backbone',
        setting: 'Wikitext-103, PG-19',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'HMT steadily improves the long-context processing ability of context-constrained and long-context models',
    },
    {
      id: 'HMT-2',
      statement: 'Question answering improves.',
      measure: 'answer quality',
      paper: {
        value: 'better',
        baseline: 'the bare backbone',
        setting: 'PubMedQA',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'question-answering tasks (PubMedQA)',
    },
    {
      id: 'HMT-3',
      statement: 'It adds only 0.5 to 2 % of parameters.',
      measure: 'extra parameters',
      paper: {
        value: '0.5-2',
        unit: '%',
        baseline: 'backbone',
        setting: 'recall projections and memory embeddings (LoRA where used)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'With an additional 0.5% - 2% of parameters',
    },
    {
      id: 'HMT-4',
      statement: 'It plugs into any decoder.',
      measure: 'applicability',
      paper: {
        value: 'works',
        setting: 'OPT, OpenLLaMA, RWKV, LLaMA-2, Mistral, Yi, Qwen (list of version 3, partly unverified)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'HMT can easily plug in and augment future LLMs to handle long context effectively',
    },
    {
      id: 'HMT-5',
      statement: 'On Wikitext-103, perplexity is 10.8 to 13 % below that of a flat recurrent memory.',
      measure: 'reduction of perplexity',
      paper: {
        value: '13.0 % (OPT), 10.8 % (OpenLlamaV2)',
        baseline: 'RMT (flat recurrent memory)',
        setting: 'Wikitext-103',
        source: 'third party',
        where: 'digest citing version 3, p. 7',
      },
    },
    {
      id: 'HMT-6',
      statement: 'On PG-19, perplexity is 4 to 6.9 % below that of a flat recurrent memory.',
      measure: 'reduction of perplexity',
      paper: {
        value: '3.98 % (OPT), 6.85 % (OpenLlamaV2)',
        baseline: 'RMT, which hurts RWKV (Wikitext) and Qwen-2.5-14B (PG-19) where HMT helps',
        setting: 'PG-19',
        source: 'third party',
        where: 'digest citing version 3',
      },
    },
    {
      id: 'HMT-7',
      statement: 'It is 2 % better than a sliding window in 33.9 GB for 30k tokens.',
      measure: 'perplexity and memory',
      paper: {
        value: '2 % better, 33.9 GB',
        baseline: 'Yi-6B-200K with sliding window',
        setting: '30k tokens in segments of 512',
        source: 'third party',
        where: 'digest citing version 3',
      },
    },
    {
      id: 'HMT-8',
      statement:
        'At comparable or better quality it needs 2 to 57 times fewer parameters and 2.5 to 116 times less memory.',
      measure: 'parameters and inference memory',
      paper: {
        value: '2-57 times fewer, 2.5-116 times less',
        baseline: 'long-context models',
        source: 'paper',
        where: 'abstract of version 3',
      },
    },
    {
      id: 'HMT-9',
      statement: 'A sensory memory of 32 tokens gives the lowest perplexity.',
      measure: 'perplexity by size of the sensory memory',
      paper: {
        value: '32',
        unit: 'tokens',
        baseline: 'other sizes',
        setting: 'LLaMA-2-7B, Wikitext-103',
        source: 'third party',
        where: 'digest citing version 3',
      },
    },
    {
      id: 'HMT-10',
      statement: 'Only 6.5 % of the recalls point into the last two segments.',
      measure: 'distance of recalls',
      paper: {
        value: '6.5',
        unit: '% within the last 2 segments',
        setting: 'Wikitext-103, 300 memories cached',
        source: 'third party',
        where: 'digest citing version 3',
      },
    },
    {
      id: 'HMT-11',
      statement:
        "The first version's headline gains are 25.5 % (Wikitext-103), 11.4 % (PG-19) and 9.8 % (long answers).",
      measure: 'gains over the backbone',
      paper: {
        value: '25.5 % (OPT 2.7B, Wikitext-103), 11.4 % (PG-19), 9.8 % long answers / 1.0 % exact (PubMedQA)',
        baseline: 'the bare backbone',
        setting: 'version 1, text not seen',
        source: 'recalled',
        unverified: true,
      },
    },
  ],
  remarks: [
    'A user would pick retrieval into the prompt, which should win when facts are literal; it lacks trained compression, constant prompt size and order.',
    'Memory vectors are hidden states fed back as input embeddings, whose scales differ a lot in models with tied embeddings.',
  ],
} satisfies Method;
