import type { Method } from '../../contract.ts';

export default {
  slug: 'swin',
  family: 'vision',
  paper: {
    title: 'Swin Transformer: Hierarchical Vision Transformer using Shifted Windows',
    arxiv: '2103.14030',
    date: '2021-03-25',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/microsoft/Swin-Transformer', by: 'authors' }],
  },
  offers:
    'Build, load and train a vision backbone with shifted windows, read its features, and switch each part of its design off.',
  claims: [
    {
      id: 'S1',
      statement: 'It reaches 87.3 % on ImageNet-1K.',
      measure: 'ImageNet-1K top-1',
      paper: {
        value: '87.3',
        unit: '%',
        baseline: 'earlier ViT and CNN backbones',
        setting: 'Swin-L, ImageNet-22K pre-training, 384x384, 197M parameters, 103.9 GFLOP, 42 images/s',
        source: 'paper',
        where: 'abstract',
      },
      quote: '87.3 top-1 accuracy on ImageNet-1K',
    },
    {
      id: 'S2',
      statement: 'On COCO it gains 2.7 box and 2.6 mask AP over the best before.',
      measure: 'COCO test-dev box / mask AP',
      paper: {
        value: '58.7 / 51.1 (+2.7 / +2.6)',
        baseline: 'best published before',
        setting: 'Swin-L + HTC++, multi-scale test',
        source: 'paper',
        where: 'abstract',
      },
      quote: '58.7 box AP and 51.1 mask AP on COCO test-dev',
    },
    {
      id: 'S3',
      statement: 'On ADE20K it gains 3.2 mIoU over the best before.',
      measure: 'ADE20K validation mIoU',
      paper: {
        value: '53.5 (+3.2); 52.05 single-scale',
        baseline: 'best published before',
        setting: 'Swin-L + UPerNet, 640 crop, 22K pre-training',
        source: 'paper',
        where: 'abstract',
      },
      quote: '53.5 mIoU on ADE20K val',
    },
    {
      id: 'S4',
      statement: 'Its cost grows linearly with the image.',
      measure: 'operations of a block against image size',
      paper: {
        value: 'linear in h*w',
        baseline: 'global attention: quadratic',
        setting: 'attention of one block, window fixed',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'has linear computational complexity with respect to image size',
    },
    {
      id: 'S5',
      statement: 'Hierarchy and shifted windows help all-MLP networks too.',
      measure: 'ImageNet-1K top-1 of MLP networks',
      paper: {
        value: 'SwinMLP-T/C24 79.4 % at 4.0 GFLOP; SwinMLP-B 81.3 % at 10.4 GFLOP',
        baseline: 'Mixer-B/16 76.4 % at 12.7 GFLOP; ResMLP-B24 81.0 % at 23.0 GFLOP',
        setting: 'ImageNet-1K from scratch',
        source: 'repository',
        where: 'README; the claim itself: abstract',
      },
      quote: 'The hierarchical design and the shifted window approach also prove beneficial for all-MLP architectures',
    },
    {
      id: 'S6',
      statement: 'Trained on ImageNet-1K alone, it beats DeiT.',
      measure: 'ImageNet-1K top-1 of T / S / B',
      paper: {
        value: '81.2 / 83.2 / 83.5',
        unit: '%',
        baseline: 'DeiT-S 79.8, DeiT-B 81.8 (unverified)',
        setting:
          '224x224; 28M/50M/88M; 4.5/8.7/15.4 GFLOP; 755/437/278 images/s on V100; the paper prints 81.3 / 83.0 / 83.5 (unverified)',
        source: 'repository',
        where: 'README',
      },
    },
    {
      id: 'S7',
      statement: 'Shifting the windows matters.',
      measure: 'top-1 / box AP / mIoU with shifting',
      paper: {
        value: '81.3 / 50.5 / 46.1',
        baseline: '80.2 / 47.7 / 43.3 without',
        setting: 'Swin-T',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'S8',
      statement: 'The relative position bias matters.',
      measure: 'top-1 and mIoU with relative position bias',
      paper: {
        value: '81.3; 46.1',
        baseline: 'none 80.1, absolute 80.5; 43.8 / 43.2',
        setting: 'Swin-T',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'S9',
      statement: 'A cyclic shift with a mask is faster than padding the cut windows.',
      measure: 'overall speed for T / S / B',
      paper: {
        value: '13 / 18 / 18',
        unit: '% faster',
        baseline: 'naive padding',
        setting: 'V100',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'S10',
      statement: 'With Mask R-CNN, Swin-T reaches 46.0 box and 41.6 mask AP on COCO.',
      measure: 'COCO validation box / mask AP',
      paper: {
        value: 'T 46.0/41.6, S 48.5/43.3',
        setting: 'Mask R-CNN 3x, ImageNet-1K pre-training',
        source: 'repository',
        where: 'README',
      },
    },
  ],
  remarks: [
    'ConvNeXt, a CNN given the same recipe, matches it: the main critique. Hiera drops shift and bias once pre-trained by masking; NAT makes true sliding windows fast.',
    'S1 to S3, S6 and S10 need ImageNet, COCO or ADE20K; S4, S5 and S7 to S9 can be measured on small images.',
  ],
} satisfies Method;
