import type { Method } from '../../contract.ts';

export default {
  slug: 'crate',
  family: 'interpretability',
  paper: {
    title: 'White-Box Transformers via Sparse Rate Reduction: Compression Is All There Is?',
    arxiv: '2311.13110',
    date: '2023-11-21',
    authors: [],
    links: [
      { label: 'Code', url: 'https://github.com/Ma-Lab-Berkeley/CRATE', by: 'authors' },
      { label: 'Project page', url: 'https://ma-lab-berkeley.github.io/CRATE', by: 'authors' },
    ],
  },
  offers: 'Build a transparent backbone whose every half-layer has a purpose, and put a rate meter on any transformer.',
  claims: [
    {
      id: 'CR-1',
      statement: 'Layers learn to compress: the coding rate of tokens falls with depth.',
      measure: 'coding rate after attention, by layer',
      paper: {
        value: 'decreasing over layers',
        baseline: 'random initialisation',
        setting: 'CRATE trained on ImageNet, also text',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'these networks, despite their simplicity, indeed learn to compress and sparsify representations of large-scale real-world image and text datasets',
    },
    {
      id: 'CR-2',
      statement: 'Layers learn to sparsify: the share of non-zeros falls with depth.',
      measure: 'share of non-zeros after the second half-layer, by layer',
      paper: {
        value: 'decreasing over layers',
        baseline: 'random initialisation',
        setting: 'CRATE trained on ImageNet, also text',
        source: 'paper',
        where: 'abstract',
      },
    },
    {
      id: 'CR-3',
      statement: "Accuracy is very close to ViT's.",
      measure: 'ImageNet-1K top-1 of sizes T / S / B / L',
      paper: {
        value: '66.7 / 69.2 / 70.8 / 71.3',
        unit: '%',
        baseline: 'ViT-T 71.5 (5.72M), ViT-S 72.4 (22.05M)',
        setting:
          'trained from scratch; 6.09 / 13.12 / 22.80 / 77.64M parameters (recomputed here from the code): CRATE-L trails ViT-T, which has 5.7M',
        source: 'recalled',
        where: 'values recalled; the claim itself: abstract',
        unverified: true,
      },
      quote:
        'achieve performance very close to highly engineered transformer-based models: ViT, MAE, DINO, BERT, and GPT2',
    },
    {
      id: 'CR-4',
      statement: 'The same class of networks gives decoders.',
      measure: 'reconstruction of masked patches',
      paper: {
        value: 'loss near ViT-MAE (numbers unverified)',
        baseline: 'MAE',
        setting: '75 % masking',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'the inverse to the aforementioned compressive encoding can be realized by the same class of CRATE architectures',
    },
    {
      id: 'CR-5',
      statement: 'It comes near DINO, BERT and GPT-2.',
      measure: 'scores with the same recipes',
      paper: {
        value: 'GPT-2-base cross-entropy about 3.4; BERT on GLUE a few points lower',
        baseline: 'DINO, BERT, GPT-2 (cross-entropy 2.85)',
        source: 'recalled',
        where: 'values recalled; the claim itself: abstract',
        unverified: true,
      },
    },
    {
      id: 'CR-6',
      statement: 'Blocks are derived: each is one optimisation step.',
      measure: 'whether a block lowers its objective',
      paper: { value: 'mathematical', source: 'paper', where: 'abstract' },
      quote: 'we derive a transformer block from alternating optimization on parts of this objective',
    },
    {
      id: 'CR-7',
      statement: "Segmentation emerges in the last layer's attention under plain supervised training.",
      measure: 'overlap of attention and objects',
      paper: {
        value: 'visible in CRATE, not in supervised ViT',
        baseline: 'supervised ViT',
        setting: 'PASCAL / COCO coarse segmentation',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'CR-8',
      statement: "A block has a quarter of a ViT block's weights.",
      measure: 'weights per block',
      paper: {
        value: '3 d^2 (one tied projection, one output map, one dictionary)',
        baseline: 'ViT 12 d^2',
        source: 'repository',
        where: 'code',
      },
    },
  ],
  remarks: [
    'Hu et al. (2024) show that implemented variants do not necessarily lower the coding rate; as a regulariser it helped generalisation a little.',
    'CRATE-alpha (2405.20299) reaches 83.2 % with ImageNet-21K: the original second half-layer is the bottleneck.',
  ],
} satisfies Method;
