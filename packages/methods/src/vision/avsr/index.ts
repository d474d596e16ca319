import type { Method } from '../../contract.ts';

export default {
  slug: 'avsr',
  family: 'vision',
  paper: {
    title: 'Leveraging Unimodal Self-Supervised Learning for Multimodal Audio-Visual Speech Recognition',
    arxiv: '2203.07996',
    date: '2022-02-24',
    authors: ['Pan', 'Chen', 'Gong', 'Zhou', 'Wang', 'Lin'],
    links: [
      {
        label: 'Code',
        url: 'https://github.com/LUMIA-Group/Leveraging-Self-Supervised-Learning-for-AVSR',
        by: 'authors',
      },
    ],
  },
  offers:
    'Join your audio encoder and your image encoder into one recogniser for your data, with its robustness to noise measured.',
  claims: [
    {
      id: 'V1',
      statement: 'Audio-visual recognition on LRS2 makes 30 % fewer word errors than the best before.',
      measure: 'LRS2 word error rate, audio and video',
      paper: {
        value: '30 % relative reduction',
        baseline: 'best before (conformer model with external language model)',
        setting: 'LRS2 test, clean, no external language model; recalled, not verified: 2.6 % against 3.7 %',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'raises the state-of-the-art performances on the widely accepted Lip Reading Sentences 2 (LRS2) dataset by a large margin, with a relative improvement of 30%',
    },
    {
      id: 'V2',
      statement: 'Audio alone makes 2.7 % word errors.',
      measure: 'LRS2 word error rate, audio only',
      paper: {
        value: '2.7',
        unit: '%',
        baseline: '3.9 before',
        setting: 'LRS2 test, clean',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'V3',
      statement: 'Video alone makes 43.2 % word errors.',
      measure: 'LRS2 word error rate, video only',
      paper: {
        value: '43.2',
        unit: '%',
        baseline: '37.9-39.1 before: not the best here',
        setting: 'LRS2 test',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'V4',
      statement: 'Pre-training both streams by themselves helps; the parts cooperate well.',
      measure: 'word error rate with and without the pre-trained parts',
      paper: {
        value: 'cooperate well (ablation values not established)',
        baseline: 'same net without the pre-trained parts',
        setting: 'LRS2',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'both components inherited from unimodal self-supervised learning cooperate well',
    },
    {
      id: 'V5',
      statement: 'Word-level lip reading is competitive.',
      measure: 'LRW accuracy',
      paper: {
        value: 'competitive',
        setting: '500 words, 29 frames; recalled, not verified: about 85 % against 83-88 % before',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'the multimodal framework yields competitive results through fine-tuning',
    },
    {
      id: 'V6',
      statement: 'Under babble, audio and video together beat audio alone.',
      measure: 'word error rate by signal-to-noise ratio',
      paper: {
        value: 'better than audio alone (expected of the paper)',
        baseline: 'audio only',
        setting: 'babble at several ratios; the repository trains and tests with it',
        source: 'recalled',
        unverified: true,
      },
    },
  ],
  remarks: [
    "AV-HuBERT and RAVEn pre-train jointly and beat it on lips; Auto-AVSR scales with machine labels. Video alone is not the best here; the gain is mostly wav2vec 2.0's.",
    'LRS2 and LRW need a research agreement and cannot be shipped.',
  ],
} satisfies Method;
