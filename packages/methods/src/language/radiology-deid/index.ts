import type { Method } from '../../contract.ts';

export default {
  slug: 'radiology-deid',
  family: 'language',
  paper: {
    title:
      'Improving the Performance of Radiology Report De-identification with Large-Scale Training and Benchmarking Against Cloud Vendor Methods',
    arxiv: '2511.04079',
    date: '2025-11-06',
    authors: [],
    links: [{ label: 'Pipeline', url: 'https://github.com/MIDRC/Stanford_Penn_MIDRC_Deidentifier', by: 'authors' }],
  },
  offers:
    'De-identify your own reports on your own machine, with a measured leak rate and surrogates that read naturally.',
  claims: [
    {
      id: 'C1',
      statement: "On another institution's reports the model reaches F1 0.973.",
      measure: 'token-level F1, all categories, Penn test set',
      paper: {
        value: '0.973',
        baseline: 'best academic model before: outperformed or maintained',
        setting: 'trained on Stanford reports',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Our model achieved overall F1 scores of 0.973 on the Penn dataset',
    },
    {
      id: 'C2',
      statement: "On its own institution's reports it reaches F1 0.996.",
      measure: 'token-level F1, Stanford test set',
      paper: {
        value: '0.996',
        baseline: 'best academic model before',
        setting: 'trained on Stanford reports',
        source: 'paper',
        where: 'abstract',
      },
      quote: '0.996 on the Stanford dataset',
    },
    {
      id: 'C3',
      statement: 'Surrogates stay as detectable over 50 re-written sets.',
      measure: 'F1 over 50 independently re-written Penn sets',
      paper: {
        value: '0.959 [0.958-0.960]',
        baseline: 'its own F1 on real data (C1)',
        setting: 'hide-in-plain-sight replacement',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Synthetic PHI evaluation showed consistent detectability (overall F1: 0.959 [0.958-0.960]) across 50 independently de-identified Penn datasets',
    },
    {
      id: 'C4',
      statement: 'It beats all cloud vendors on synthetic reports.',
      measure: 'F1 on synthetic Penn reports',
      paper: {
        value: '0.960',
        baseline: 'cloud vendors 0.632-0.754',
        setting: 'same reports to all systems',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Our model outperformed all vendor systems on synthetic Penn reports (overall F1: 0.960 vs. 0.632-0.754)',
    },
    {
      id: 'C5',
      statement: 'Large training over several modalities helps on other institutions.',
      measure: 'F1 on another institution with narrow and broad training',
      paper: {
        value: 'improved',
        baseline: 'the narrower predecessor',
        setting: 'chest X-ray, chest CT, abdomen/pelvis CT, brain MR',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Large-scale, multimodal training improved cross-institutional generalization and robustness',
    },
    {
      id: 'C6',
      statement: 'A learned class for ages is added without loss.',
      measure: 'F1 with the added class',
      paper: {
        value: 'added without loss',
        baseline: 'predecessor found ages of 90 and above by rule',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'introducing an additional PHI category (AGE) into the architecture',
    },
    {
      id: 'C7',
      statement: 'The predecessor reached 97.9 on its own and 99.6 on a new institution.',
      measure: 'F1 of the predecessor',
      paper: {
        value:
          '97.9 known institution, 99.6 new institution, 99.5 i2b2-2006, 98.9 i2b2-2014; recall of span cores 99.1',
        baseline: 'tools of that time',
        setting: '6,193 documents',
        source: 'third party',
        where: 'Chambon et al., JAMIA 2023',
      },
    },
  ],
  remarks: [
    "Penn 0.973 lies below the predecessor's 0.979: both are printed and no gain is claimed on that row.",
    'Token F1 hides leaks of whole documents. Research use; no certificate; a person should read what was found.',
  ],
} satisfies Method;
