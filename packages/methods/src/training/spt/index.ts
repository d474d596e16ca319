import type { Method } from '../../contract.ts';

export default {
  slug: 'spt',
  family: 'training',
  paper: {
    title: 'SPT: Fine-Tuning Transformer-based Language Models Efficiently with Sparsification',
    arxiv: '2312.10365',
    date: '2023-12-16',
    authors: ['Gui', 'Yan', 'Yin', 'Yang', 'Cheng'],
    links: [{ label: 'Prototype', url: 'https://github.com/ytgui/SPT-proto', by: 'authors' }],
  },
  offers:
    'Fine-tune a Llama- or OPT-like model on your text with less activation memory and fewer feed-forward operations, and see what sparsity costs in quality.',
  claims: [
    {
      id: 'SPT-1',
      statement: 'Peak memory of fine-tuning halves.',
      measure: 'peak memory',
      paper: {
        value: 'up to 50',
        unit: '% less',
        baseline: 'well-optimised baselines (full fine-tuning and LoRA, judging by the code)',
        setting: 'OPT and LLaMA-like blocks, GPU',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'reducing the peak memory consumption by up to 50%',
    },
    {
      id: 'SPT-2',
      statement: 'Fine-tuning is up to 2.2 times faster.',
      measure: 'fine-tuning speed',
      paper: {
        value: 'up to 2.2',
        unit: 'x',
        baseline: 'well-optimised baselines',
        setting: 'OPT and LLaMA-like blocks, GPU',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'accelerating fine-tuning by up to 2.2x',
    },
    {
      id: 'SPT-3',
      statement: 'It is better in all tested configurations.',
      measure: 'memory and speed over configurations',
      paper: {
        value: 'consistently better',
        baseline: 'well-optimised baselines',
        setting: 'several model shapes and lengths',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'SPT consistently outperforms well-optimized baselines',
    },
    {
      id: 'SPT-4',
      statement: 'Memory goes mainly into stored attention weights.',
      measure: 'saved bytes by module',
      paper: { value: 'mainly attention weights', setting: 'observation', source: 'paper', where: 'abstract' },
      quote:
        'the memory consumption of Transformer mainly comes from storing attention weights for multi-head attention (MHA)',
    },
    {
      id: 'SPT-5',
      statement: 'Time goes mainly into the feed-forward network.',
      measure: 'time by module',
      paper: { value: 'mainly the feed-forward network', setting: 'observation', source: 'paper', where: 'abstract' },
      quote: 'the majority of running time is spent on feed-forward network (FFN)',
    },
    {
      id: 'SPT-6',
      statement: 'Quality is kept.',
      measure: 'MMLU and perplexity',
      paper: {
        value: 'kept',
        baseline: 'LoRA, full fine-tuning',
        setting: 'code: MMLU 5-shot data, WikiText, 125M-2.7B',
        where: 'the code evaluates MMLU and WikiText; whether the paper reports them is not established',
        source: 'here',
      },
      note: 'A goal of ours: the abstract says nothing of quality and the text was not readable, but it is what a reader will ask. Not measured yet.',
    },
  ],
  remarks: [
    'Exact tiled attention (FlashAttention) also stores no square map, with no approximation, and checkpointing saves more: the memory claim is against stored-attention baselines. What remains is the feed-forward part, which needs a good router.',
    "The paper's text and tables were not readable: table values are missing, not forgotten.",
  ],
} satisfies Method;
