import type { Method } from '../../contract.ts';

export default {
  slug: 'dp-dylora',
  family: 'training',
  paper: {
    title:
      'DP-DyLoRA: Fine-Tuning Transformer-Based Models On-Device under Differentially Private Federated Learning using Dynamic Low-Rank Adaptation',
    arxiv: '2405.06368',
    date: '2024-05-10',
    authors: [],
  },
  offers:
    'Plan the privacy noise for your own model before training, then fine-tune it over many simulated clients with adapters of varying rank.',
  claims: [
    {
      id: 'A1',
      statement: 'With a million clients and ε = 2, privacy costs less than 2 % accuracy.',
      measure: 'task accuracy lost to differential privacy',
      paper: {
        value: '< 2',
        unit: '% as stated',
        baseline: 'the same method without privacy',
        setting: '1,000,000 clients, ε = 2, vision and language understanding',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we are able to reduce the accuracy degradation and word error rate (WER) increase due to DP to less than 2%',
    },
    {
      id: 'A2',
      statement: 'With a million clients and ε = 2, privacy raises the word error rate by less than 7 %.',
      measure: 'increase of the word error rate due to differential privacy',
      paper: {
        value: '< 7',
        unit: '% as stated',
        baseline: 'the same method without privacy',
        setting: '1,000,000 clients, ε = 2, speech recognition',
        source: 'paper',
        where: 'abstract',
      },
      quote: '7% respectively with 1 million clients and a stringent privacy budget of ε=2',
    },
    {
      id: 'A3',
      statement: 'Full fine-tuning under private federated learning degrades hugely.',
      measure: 'score of full fine-tuning and of adapters under one budget',
      paper: {
        value: 'huge degradation',
        baseline: 'parameter-efficient fine-tuning under the same budget',
        setting: 'speech, vision, language',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'full fine-tuning under differentially private federated learning (DP-FL) generally leads to huge performance degradation',
    },
    {
      id: 'A4',
      statement: 'DP-LoRA beats the other private adapters consistently.',
      measure: 'score by kind of adapter under one budget',
      paper: {
        value: 'consistently best (version 4: "and its variants")',
        baseline: 'existing private adapters',
        setting: 'all three domains',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'DP-Low-Rank Adaptation (DP-LoRA) consistently outperforms other methods',
    },
    {
      id: 'A5',
      statement: 'DyLoRA put naively into federated learning breaks privacy.',
      measure: 'whether the guarantee holds',
      paper: {
        value: 'breaks (an argument, not a number)',
        baseline: 'DP-DyLoRA, formally private by Gaussian mechanism and moments accountant',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'when naively combined with FL would straightforwardly break differential privacy',
    },
    {
      id: 'A6',
      statement: 'DP-DyLoRA beats the existing private adapters.',
      measure: 'score under one budget',
      paper: {
        value: 'better',
        baseline: 'DP-LoRA and the others',
        setting: 'same benchmark',
        source: 'paper',
        where: 'abstract',
      },
    },
    {
      id: 'P1',
      statement: 'Less is sent and less noise added per round, as only a slice of the rank is shared.',
      measure: 'bytes sent and noise per round',
      paper: {
        value: 'smaller',
        baseline: 'DP-LoRA at fixed rank',
        setting: 'per round',
        source: 'third party',
        where: 'body',
      },
    },
  ],
  remarks: [
    'Whether "2 %" and "7 %" are points or relative could not be settled; data sets, backbones and tables were not readable.',
    "Noise on both factors multiplies (FFA-LoRA's complaint): FFA-LoRA is the honest rival. No official code is known.",
    'Gaussian noise in floating point is not exactly private (Mironov 2012).',
  ],
} satisfies Method;
