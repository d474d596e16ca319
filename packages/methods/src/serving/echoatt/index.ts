import type { Method } from '../../contract.ts';

export default {
  slug: 'echoatt',
  family: 'serving',
  paper: {
    title: 'EchoAtt: Attend, Copy, then Adjust for More Efficient Large Language Models',
    arxiv: '2409.14595',
    date: '2024-09-22',
    authors: [],
  },
  offers:
    "See which layers of a model copy each other's attention, share them, repair with a short distillation, and get a smaller, faster checkpoint.",
  claims: [
    {
      id: 'ECH-1',
      statement: 'Many inner layers have highly similar attention matrices, more so in larger models.',
      measure: "cosine similarity between layers' attention scores",
      paper: {
        value: 'highly similar',
        baseline: 'first and last layers differ',
        setting: 'IMDB subset (according to a summary)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'many inner layers in LLMs, especially larger ones, exhibit highly similar attention matrices',
    },
    {
      id: 'ECH-2',
      statement: 'Sharing attention makes inference 15 % faster.',
      measure: 'inference speed',
      paper: {
        value: '+15',
        unit: '%',
        baseline: 'unshared TinyLLaMA-1.1B',
        setting: 'best configuration',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'improves inference speed by 15\\%',
    },
    {
      id: 'ECH-3',
      statement: 'Sharing attention makes training 25 % faster.',
      measure: 'training speed',
      paper: {
        value: '+25',
        unit: '%',
        baseline: 'unshared TinyLLaMA-1.1B',
        setting: 'best configuration',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'training speed by 25\\%',
    },
    {
      id: 'ECH-4',
      statement: 'About 4 % of the parameters go.',
      measure: 'number of parameters',
      paper: {
        value: 'about -4',
        unit: '%',
        baseline: 'TinyLLaMA, 1.1B',
        setting: 'best configuration',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'reduces the number of parameters by approximately 4\\%',
    },
    {
      id: 'ECH-5',
      statement: 'Zero-shot quality improves.',
      measure: 'zero-shot scores',
      paper: {
        value: 'improves',
        baseline: 'teacher / baseline',
        setting: 'TinyLLaMA-1.1B',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'all while improving zero-shot performance',
    },
    {
      id: 'ECH-6',
      statement: 'A cut of about 4 % means that about 9 of 22 layers share.',
      measure: 'number of sharing layers',
      paper: {
        value: 'about 9 of 22 (41 %)',
        setting: 'TinyLLaMA drops W_q (2048x2048) and W_k (2048x256), 4.72M a layer; 9 layers are 42.5M = 3.9 %',
        source: 'here',
        where: "arithmetic on ECH-4 and the model's shapes",
      },
      note: 'Arithmetic, nothing to run: the paper does not say how many layers share; the number follows from the parameters that it says are saved.',
    },
    {
      id: 'ECH-7',
      statement: 'The reported sharing ratios are 23, 41 and 77 % of the layers.',
      measure: 'sharing ratios',
      paper: {
        value: '23, 41, 77',
        unit: '% of layers',
        setting: '5, 9 and 17 of 22 layers',
        source: 'recalled',
        unverified: true,
      },
    },
  ],
  remarks: [
    'The student gets extra training tokens: without a control with the same tokens, the gain in quality cannot be credited to sharing.',
    'Mean-over-heads cosine is flattered by causality and by the attention sink on the first token.',
    'Sharing attention probabilities prevents flash kernels; on GPUs the 15 % can vanish against FlashAttention. ECHO-LLaMA (2505.17331, same group) shares the cache instead.',
  ],
} satisfies Method;
