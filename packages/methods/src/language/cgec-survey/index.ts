import type { Method } from '../../contract.ts';

export default {
  slug: 'cgec-survey',
  family: 'language',
  paper: {
    title: 'Chinese Grammatical Error Correction: A Survey',
    arxiv: '2504.00977',
    date: '2025-04-01',
    authors: ['Qiu', 'Gao', 'L. Yang', 'Gu', 'Nguyen', 'Huang', 'Park'],
  },
  offers:
    'Annotate, score, corrupt and audit Chinese grammatical corrections at character or word level, and try systems old and new.',
  claims: [
    {
      id: 'CG-1',
      statement: 'Ambiguous word segmentation distorts annotation and scores.',
      measure: 'scores with word-level and character-level annotation',
      paper: {
        value: 'a key challenge (no value)',
        baseline: 'character-level annotation',
        setting: 'error annotation schemes',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'discussing challenges such as word segmentation ambiguity',
    },
    {
      id: 'CG-2',
      statement: 'English metrics need adapting: score by character.',
      measure: 'agreement of metrics with judgement, by unit',
      paper: {
        value: 'recommended practice',
        baseline: 'word-level M2 / ERRANT',
        setting: 'evaluation',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'focusing on their adaptation from English GEC to Chinese, including character-level scoring',
    },
    {
      id: 'CG-3',
      statement: 'Fair scoring needs several references a sentence.',
      measure: 'score against number of references',
      paper: { value: 'needed', baseline: 'one reference', setting: 'evaluation', source: 'paper', where: 'abstract' },
      quote: 'the use of multiple references',
    },
    {
      id: 'CG-4',
      statement: 'Error types particular to Chinese are hard to classify.',
      measure: 'agreement on error types',
      paper: {
        value: 'stated',
        baseline: 'English type sets',
        setting: 'annotation',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'the classification of Chinese-specific error types',
    },
    {
      id: 'CG-5',
      statement: 'Systems moved from rules and statistics to Transformers and pre-trained models.',
      measure: 'scores of a system of each kind',
      paper: { value: 'history', setting: 'systems', source: 'paper', where: 'abstract' },
      quote: 'we trace the evolution from rule-based and statistical approaches to neural architectures',
    },
    {
      id: 'CG-6',
      statement: 'Data sets lack common standards, and second-language text differs from native text.',
      measure: 'error profile by source',
      paper: { value: 'stated', setting: 'data', source: 'paper', where: 'abstract' },
      quote: 'highlighting their characteristics, limitations, and the need for improved standardization',
    },
    {
      id: 'CG-7',
      statement: 'MuCGEC has 7,063 sentences of three learner sources with 2.3 references each.',
      measure: 'size of MuCGEC',
      paper: {
        value: '7,063 sentences, 3 sources, 2.3 references each',
        baseline: 'NLPCC18: mostly one reference',
        setting: 'NAACL 2022',
        source: 'third party',
        where: 'MuCGEC repository',
      },
    },
    {
      id: 'CG-8',
      statement: 'NaSGEC has 12,500 native sentences of several domains.',
      measure: 'size of NaSGEC',
      paper: {
        value: '12,500 sentences, several references',
        setting: 'ACL Findings 2023 (venue unverified)',
        source: 'third party',
        where: 'abstract of NaSGEC',
      },
    },
    {
      id: 'CG-9',
      statement: 'FlaCGEC is built by rules: 10k sentences over 78 grammar points.',
      measure: 'size of FlaCGEC',
      paper: {
        value: '10k sentences, 78 grammar points, 3 edit types',
        setting: 'CIKM 2023',
        source: 'third party',
        where: 'abstract of FlaCGEC',
      },
    },
    {
      id: 'CG-10',
      statement: 'SynGEC reaches F0.5 of 45.32 on NLPCC18 and 46.51 on MuCGEC.',
      measure: 'F0.5',
      paper: {
        value: '45.32 (NLPCC18 test), 46.51 (MuCGEC test)',
        baseline: 'earlier single models',
        source: 'third party',
        where: 'MuCGEC repository, README',
      },
    },
    {
      id: 'CG-11',
      statement: 'LM-Combiner lowers over-correction: precision up by 18.2, recall kept.',
      measure: 'precision',
      paper: {
        value: '+18.2',
        unit: 'points',
        baseline: 'its base system',
        setting: 'FCGEC; recall kept',
        source: 'third party',
        where: 'abstract of LM-Combiner',
      },
    },
    {
      id: 'CG-12',
      statement: 'The sample run of the ChERRANT scorer gives F0.5 .2649.',
      measure: 'precision, recall, F0.5 of the demo lines',
      paper: {
        value: 'TP 8, FP 19, FN 35: P .2963, R .1860, F0.5 .2649',
        source: 'third party',
        where: 'MuCGEC repository, README of the scorer',
      },
    },
  ],
  remarks: [
    'A survey with no system. A silent system has precision 1 when it proposes nothing: read the number of proposals beside it.',
    'Learner text and exam-style native errors differ in kind; one F over both hides it.',
  ],
} satisfies Method;
