import type { Method } from '../../contract.ts';

export default {
  slug: 'codetf',
  family: 'language',
  paper: {
    title: 'CodeTF: One-stop Transformer Library for State-of-the-art Code LLM',
    arxiv: '2306.00029',
    date: '2023-05-31',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/salesforce/CodeTF', by: 'authors' }],
  },
  offers:
    'Parse, rename and measure code without breaking it, run and tune small code models, and evaluate them on problems that execute.',
  claims: [
    {
      id: 'CTF-1',
      statement: 'One interface covers models, data sets and tasks.',
      measure: 'whether one interface covers them',
      paper: {
        value: 'offered',
        baseline: 'separate tools',
        setting: 'code models',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we design CodeTF with a unified interface to enable rapid access and development across different types of models, datasets and tasks',
    },
    {
      id: 'CTF-2',
      statement: 'Pre-trained code models and popular benchmarks are included.',
      measure: 'models and benchmarks included',
      paper: {
        value: 'offered',
        setting: 'CodeT5, CodeT5+, CodeGen, later StarCoder and others (list beyond the first three unverified)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Our library supports a collection of pretrained Code LLM models and popular code benchmarks',
    },
    {
      id: 'CTF-3',
      statement: 'A standard interface trains and serves code models efficiently.',
      measure: 'memory and speed of training and serving',
      paper: {
        value: 'offered (no value stands behind it)',
        setting: 'parameter-efficient tuning, quantised weights',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'including a standardized interface to train and serve code LLMs efficiently',
    },
    {
      id: 'CTF-4',
      statement: 'Parsers and utilities extract code attributes.',
      measure: 'correctness of extracted attributes',
      paper: { value: 'offered', setting: 'tree-sitter, 15+ languages (README)', source: 'paper', where: 'abstract' },
      quote: 'data features such as language-specific parsers and utility functions for extracting code attributes',
    },
    {
      id: 'CTF-5',
      statement: 'It ticks more boxes than other tools.',
      measure: 'features present',
      paper: {
        value: 'more boxes ticked',
        baseline: 'NaturalCC, Hugging Face Transformers',
        setting:
          'unified model and data interface, tuning, code utilities, evaluation; defect prediction, HumanEval, MBPP, APPS ticked only for CodeTF',
        source: 'repository',
        where: 'README table; the claim itself: abstract',
      },
      quote: 'compare with other related library tools',
    },
    {
      id: 'CTF-6',
      statement: 'It covers seven tasks.',
      measure: 'tasks',
      paper: {
        value: '7: nl2code, summarisation, completion, translation, refinement, clone detection, defect prediction',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CTF-7',
      statement: 'It serves models at 4, 8 and 16 bits.',
      measure: 'weight formats served',
      paper: {
        value: 'int4/int8/int16/float16 by CTranslate2, bitsandbytes, GPTQ',
        baseline: 'fp32',
        setting: 'CodeT5 all four (pretrained), CodeGen int8/16/fp16',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CTF-8',
      statement: 'It tunes with LoRA, AdaLoRA, prefix, prompt and P-tuning.',
      measure: 'tuning methods',
      paper: {
        value: 'LoRA, AdaLoRA, prefix, prompt and P-tuning through PEFT',
        baseline: 'full fine-tuning',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'CTF-9',
      statement: 'It computes pass@k, edit similarity and CodeBLEU.',
      measure: 'metrics',
      paper: {
        value: 'pass@k, edit similarity, CodeBLEU (stated aim); BLEU, ROUGE, METEOR, F1 in the source',
        source: 'repository',
        where: 'README and source',
      },
    },
  ],
  remarks: [
    'A library paper without accuracy, speed or memory values.',
    'In the stored source every identifier is renamed (attributes, imports and builtins too), byte offsets index a Python string, and comments go by pattern, which breaks strings.',
    'The arXiv identifier is recalled; the date fits.',
  ],
} satisfies Method;
