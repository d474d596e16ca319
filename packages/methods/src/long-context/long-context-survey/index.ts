import type { Method } from '../../contract.ts';

export default {
  slug: 'long-context-survey',
  family: 'long-context',
  paper: {
    title: 'Advancing Transformer Architecture in Long-Context Large Language Models: A Comprehensive Survey',
    arxiv: '2311.12351',
    date: '2023-11-20',
    authors: [
      'Y. Huang',
      'J. Xu',
      'J. Lai',
      'Z. Jiang',
      'T. Chen',
      'Z. Li',
      'Y. Yao',
      'X. Ma',
      'L. Yang',
      'H. Chen',
      'S. Li',
      'P. Zhao',
    ],
    links: [
      { label: 'Reading list', url: 'https://github.com/Strivin0311/long-llms-learning', by: 'authors' },
      { label: 'Evaluation pipeline', url: 'https://github.com/Strivin0311/long-llms-eval', by: 'authors' },
    ],
  },
  offers:
    'Ask which long-context trick to use on your model and your documents, and get an answer that was tried, not guessed.',
  claims: [
    {
      id: 'LCS-1',
      statement: 'Models pre-trained on short text do worse on long prompts.',
      measure: 'likelihood and passkey retrieval past the training length',
      paper: { value: 'worse', baseline: 'the same model in its window', source: 'paper', where: 'abstract' },
      quote: 'are primarily pre-trained on shorter texts, rendering them less effective for longer-context prompts',
    },
    {
      id: 'LCS-2',
      statement: 'One taxonomy of architecture upgrades covers the field.',
      measure: 'how many leaves of the taxonomy can be run on one model',
      paper: {
        value: '5 families, 17 leaves',
        source: 'repository',
        where: "the authors' repository; the claim itself: abstract",
      },
      quote: 'we mainly offer a holistic taxonomy to navigate the landscape of Transformer upgrades on architecture',
    },
    {
      id: 'LCS-3',
      statement: 'Upgrades help at all stages, from pre-training to inference.',
      measure: 'gain of methods by the training they need (none, light tuning, from scratch)',
      paper: { value: 'qualitative', source: 'paper', where: 'abstract' },
      quote: 'to optimize long-context capabilities across all stages from pre-training to inference',
    },
    {
      id: 'LCS-4',
      statement: 'Evaluation needs its own data sets, metrics and baselines; toolkits exist.',
      measure: 'which data sets, metrics and baselines are at hand',
      paper: { value: 'lists', source: 'paper', where: 'abstract' },
      quote:
        'we provide the investigation on wildly used evaluation necessities tailored for long-context LLMs, including datasets, metrics, and baseline models',
    },
    {
      id: 'LCS-5',
      statement:
        'The obstacles are quadratic attention, no memory across calls, and a window limited by the training length.',
      measure: 'time, state and quality against length',
      paper: {
        value: 'qualitative',
        setting: 'section text not seen in full',
        source: 'third party',
        where: 'body',
        unverified: true,
      },
    },
    {
      id: 'LCS-6',
      statement: 'Exact attention that knows the memory hierarchy gives identical results without quadratic memory.',
      measure: 'difference from standard attention, and memory',
      paper: { value: 'exact', baseline: 'standard attention', source: 'repository', where: 'body and repository' },
    },
    {
      id: 'LCS-7',
      statement: 'Scaled position embeddings follow the stated formulas (PI, NTK, ReRoPE, leaky ReRoPE).',
      measure: 'agreement with the formulas',
      paper: {
        value: 'PI k = 1/κ; NTK base factor κ^(2/(d-2)); ReRoPE min(d, w); leaky ReRoPE',
        baseline: 'plain RoPE',
        source: 'repository',
        where: 'body and repository',
      },
    },
  ],
  remarks: [
    'A survey: no system, no measurements of its own. What runs here is its taxonomy as a set of exchangeable methods on one model.',
    'As of February 2024: no MInference, Quest, LongRoPE or Mamba-type hybrids.',
    'A controlled study (Lu et al. 2024) finds that perplexity follows task scores for exact attention but misleads for approximate attention.',
  ],
} satisfies Method;
