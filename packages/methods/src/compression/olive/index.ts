import type { Method } from '../../contract.ts';

export default {
  slug: 'olive',
  family: 'compression',
  paper: {
    title: 'OliVe: Accelerating Large Language Models via Hardware-friendly Outlier-Victim Pair Quantization',
    arxiv: '2304.07493',
    date: '2023-04-15',
    authors: [],
    links: [{ label: 'Code', url: 'https://github.com/clevercool/ANT-Quantization', by: 'authors' }],
  },
  offers:
    'Get 4-bit weights and activations that survive outliers, without training, and a picture of where the outliers are.',
  claims: [
    {
      id: 'OL-1',
      statement: 'The accelerator is 4.5 times faster and uses 4.0 times less energy than GOBO.',
      measure: 'speed-up / energy reduction',
      paper: {
        value: '4.5 / 4.0',
        unit: 'x',
        baseline: 'GOBO accelerator',
        setting: 'simulated GPU tensor cores, mean over models',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'surpasses the existing outlier-aware accelerator, GOBO, by 4.5times speedup and 4.0times energy reduction',
    },
    {
      id: 'OL-2',
      statement: 'Accuracy is superior at 4 bits for weights and activations, after training.',
      measure: 'accuracy and perplexity at 4 bits',
      paper: {
        value: 'superior',
        baseline: 'GOBO, ANT, Outlier Suppression',
        setting: 'BERT, BART, GPT2-XL, BLOOM-7B1, OPT-6.7B',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'with a superior model accuracy',
    },
    {
      id: 'OL-3',
      statement: 'Outliers matter; the normal values next to them do not.',
      measure: 'accuracy with outliers clipped and with their neighbours zeroed',
      paper: {
        value: 'clipping outliers MNLI about 85 to 35; zeroing neighbours costs < 0.1 %',
        baseline: 'zeroing as many random values: the same small loss',
        setting: 'BERT-base, 8 tasks',
        source: 'third party',
        where: 'digest; the claim itself: abstract',
      },
      quote: 'The key insight of OliVe is that outliers are important while the normal values next to them are not',
    },
    {
      id: 'OL-4',
      statement: 'It is 2.7 times faster than int8 and 2.4 times faster than ANT on a GPU.',
      measure: 'speed-up / energy reduction',
      paper: {
        value: '2.7x / 2.3x against int8; 2.4x / 2.0x against ANT',
        setting: 'simulator',
        source: 'third party',
        where: 'digest',
      },
    },
    {
      id: 'OL-5',
      statement: 'On a systolic array it is 3.7 to 4.8 times faster than AdaFloat, OLAccel and ANT.',
      measure: 'speed-up and energy reduction against AdaFloat / OLAccel / ANT',
      paper: {
        value: '4.8x / 3.8x / 3.7x speed; 3.7x / 2.1x / 3.3x energy',
        setting: 'simulator',
        source: 'third party',
        where: 'digest',
      },
    },
    {
      id: 'OL-6',
      statement: 'BERT-base loses less than 1 % at 4 bits on all 8 GLUE tasks.',
      measure: 'CoLA / SST-2 / MNLI / QQP / MRPC at 4 bits, after training',
      paper: {
        value: '59.30 / 92.43 / 84.10 / 90.36 / 87.99',
        baseline:
          'fp32 59.60/93.35/84.94/90.91/87.75; ANT 4-bit 42.90/90.48/73.36/78.04/68.87; Outlier Suppression 6-bit 54.40/91.86/82.02/88.94/83.33',
        setting: 'BERT-base',
        source: 'third party',
        where: 'digest',
      },
    },
    {
      id: 'OL-7',
      statement: 'Large decoders stay usable at 4 bits for weights and activations.',
      measure: 'perplexity Wiki / C4 of GPT2-XL, BLOOM-7B1, OPT-6.7B',
      paper: {
        value: '19.11/18.08, 15.16/17.18, 55.44/32.41',
        baseline:
          'fp32 17.48/16.30, 13.05/14.94, 22.14/10.63 (22.14 looks high and may be another setting); int4 1e2 to 9e6; ANT-4 27.79/27.35, 23.22/27.36, 4e4/4e4',
        setting: 'one calibration batch',
        source: 'repository',
        where: 'table of the repository; baselines from a digest',
      },
    },
    {
      id: 'OL-8',
      statement: 'At 8 bits the loss is negligible.',
      measure: 'perplexity Wiki / C4 of the same models',
      paper: {
        value: '17.49/16.37, 13.13/15.04, 22.34/10.73',
        baseline: 'int8 18.29/17.35, 14.04/16.18, 37.45/74.30',
        source: 'third party',
        where: 'digest',
      },
    },
    {
      id: 'OL-9',
      statement: 'About 1 % of value pairs hold an outlier, almost none hold two.',
      measure: 'share of pairs with one / two outliers',
      paper: {
        value: '0.64-1.14 / 0.03-0.06',
        unit: '%',
        setting: 'BERT-base/large, GPT2-XL, OPT-6.7B, threshold 3 sigma',
        source: 'third party',
        where: 'digest',
      },
    },
    {
      id: 'OL-10',
      statement: 'The decoders add 0.4 % to the area of a GPU.',
      measure: 'decoder area',
      paper: {
        value: '0.250 + 0.166',
        unit: '% of an RTX 2080 Ti die',
        setting: '4-bit and 8-bit decoders, 22 nm synthesis',
        source: 'third party',
        where: 'digest',
      },
      note: 'A hardware synthesis: nothing of it can be measured here.',
    },
    {
      id: 'OL-11',
      statement: 'The largest value of a Transformer lies 325 sigma out.',
      measure: 'largest value',
      paper: {
        value: '325',
        unit: 'sigma',
        baseline: '28 (ResNet-18)',
        setting: 'BERT-base',
        source: 'third party',
        where: 'digest',
      },
    },
  ],
  remarks: [
    'A fair baseline is int4 with the same search for the clipping point; much of the win over absolute-maximum scaling is just clipping.',
    'Group-wise int4 (GPTQ, AWQ, Q4_K) beats it on weights at about 4.25 to 4.5 bits; rotations (QuaRot, SpinQuant) remove outliers instead; later accelerator papers report it weaker on Llama-size models.',
  ],
} satisfies Method;
