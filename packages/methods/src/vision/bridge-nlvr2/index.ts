import type { Method } from '../../contract.ts';

export default {
  slug: 'bridge-nlvr2',
  family: 'vision',
  paper: {
    title: 'Bridging the Gap: Exploring the Capabilities of Bridge-Architectures for Complex Visual Reasoning Tasks',
    arxiv: '2307.16395',
    date: '2023-07-30',
    authors: ['Rajesh', 'Raman', 'Karim', 'Chawla'],
  },
  offers:
    'Attach an image encoder to any loaded decoder, train only the bridge, and learn whether object features and pre-training are worth it on your pairs.',
  claims: [
    {
      id: 'B1',
      statement: 'Adding object-level features to a bridge model does not help.',
      measure: 'NLVR2 accuracy with object features',
      paper: {
        value: 'no help (value not established)',
        baseline: 'the same bridge model with image-level features only',
        setting: 'NLVR2, fine-tuned',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'adding object level features to bridge architectures does not help',
    },
    {
      id: 'B2',
      statement: 'Multimodal pre-training is decisive for complex reasoning.',
      measure: 'NLVR2 accuracy with and without multimodal pre-training',
      paper: { value: 'key', baseline: 'models without it', setting: 'NLVR2', source: 'paper', where: 'abstract' },
      quote: 'pre-training on multi-modal data is key for good performance on complex reasoning tasks such as NLVR2',
    },
    {
      id: 'B3',
      statement: 'Bridge models are behind transformers with cross-attention.',
      measure: 'NLVR2 dev / test-P accuracy',
      paper: {
        value: 'behind the state of the art (value not established)',
        baseline: 'published transformer systems',
        setting: 'NLVR2 dev / test-P',
        source: 'paper',
        where: 'abstract, by comparison',
      },
    },
    {
      id: 'B4',
      statement: 'LLaVA gives initial results without fine-tuning.',
      measure: 'zero-shot NLVR2 accuracy',
      paper: {
        value: 'initial results and an error analysis (value not established)',
        baseline: 'other systems',
        setting: 'zero-shot NLVR2',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'We also demonstrate some initial results on a recently bridge-architecture, LLaVA, in the zero shot setting and analyze its performance',
    },
  ],
  remarks: [
    'Scale of the field on NLVR2 dev / test-P, all unverified: chance about 51; VisualBERT 67.4 / 67.0; LXMERT 74.9 / 74.5; ViLT 75.7 / 76.1; BLIP 82.7 / 82.3; BEiT-3 91.5 / 92.6; people 96.',
    'Later bridge models (LLaVA-1.5, InstructBLIP, Idefics2) close most of the gap once pre-training is large, which fits B2. The body of the paper could not be read.',
  ],
} satisfies Method;
