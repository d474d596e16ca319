import type { Method } from '../../contract.ts';

export default {
  slug: 'spectral-tracking',
  family: 'vision',
  paper: {
    title: 'Spectral-Enhanced Transformers: Leveraging Large-Scale Pretrained Models for Hyperspectral Object Tracking',
    arxiv: '2502.18748',
    date: '2025-02-25',
    authors: ['Mohamed', 'Fernando', 'Sridharan', 'Moghadam', 'Fookes'],
  },
  offers:
    'Give your RGB tracker (or vision transformer) the other bands, fine-tune on a few videos, track, and see which bands it used.',
  claims: [
    {
      id: 'H1',
      statement: 'Tracking with the fusion module and cross-modality training is superior.',
      measure: 'success AUC and precision at 20 pixels, one pass',
      paper: {
        value: 'superior performance (values not established)',
        baseline: 'other hyperspectral trackers',
        setting: 'a summary says best reported on HOT2020 and HOT2024',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Our proposed model also achieves superior performance with minimal training iterations',
    },
    {
      id: 'H2',
      statement: 'It needs few training iterations.',
      measure: 'training iterations',
      paper: {
        value: 'minimal (number not established)',
        baseline: 'trackers trained for long schedules',
        setting: 'fine-tuning from a transformer tracker pre-trained on RGB; a summary says a few epochs',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'with minimal training iterations',
    },
    {
      id: 'H3',
      statement: 'The module attaches to any transformer backbone.',
      measure: 'backbones to which it attaches',
      paper: { value: 'any', setting: 'design claim', source: 'paper', where: 'abstract' },
      quote:
        'can be extended to any transformer-based backbone for learning inherent spatial-spectral features in hyperspectral data',
    },
    {
      id: 'H4',
      statement: 'Training on several sensors helps even if the extra ones are absent at test time.',
      measure: 'tracking quality with one and several sensors in training',
      paper: {
        value: 'helps',
        baseline: 'training on one sensor only',
        setting: 'VIS / NIR / RedNIR snapshot-mosaic cameras',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'This enables the extraction of complementary knowledge from additional modalities, whether or not they are present during testing',
    },
    {
      id: 'H5',
      statement: 'Spectral input helps beyond false colour.',
      measure: 'tracking quality with bands and with false colour only',
      paper: {
        value: 'implied (values not established)',
        baseline: 'same backbone on false-colour RGB only',
        source: 'paper',
        where: 'implied by the abstract',
      },
    },
  ],
  remarks: [
    "The body of the paper could not be read and no official code is known: the fusion equation here follows the abstract's description.",
    'For scale (third-party pages): HyMamba 73.0 AUC / 96.3 precision on HOTC2020; SpectralTrack 0.727 / 0.954 on HOTC20. The data needs registration.',
  ],
} satisfies Method;
