import type { Method } from '../../contract.ts';

export default {
  slug: 'bct',
  family: 'compression',
  paper: {
    title: 'Blockwise Compression of Transformer-based Models without Retraining',
    arxiv: '2304.01483',
    date: '2023-04-03',
    authors: ['Gaochen Dong', 'Wei Chen'],
  },
  offers:
    'Shrink any BERT- or Llama-like checkpoint 4 or 8 times in seconds, without data and without training, and see which operation costs what accuracy.',
  claims: [
    {
      id: 'BCT-1',
      statement: 'A model is compressed up to 7.988 times.',
      measure: 'compression ratio',
      paper: {
        value: 'up to 7.988',
        unit: 'x',
        baseline: 'fp32',
        setting: 'case study; which model is not established',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'an efficient model is compressed by BCT achieving up to 7.988x compression',
    },
    {
      id: 'BCT-2',
      statement: 'Accuracy falls by less than 0.9 % on most GLUE tasks.',
      measure: 'accuracy loss on GLUE',
      paper: {
        value: '< 0.9',
        unit: '%',
        baseline: 'other methods of similar or lower ratio: > 1 %',
        setting: 'most tasks; fine-tuned model, no retraining; per-task table not established',
        source: 'paper',
        where: 'abstract of version 2',
      },
    },
    {
      id: 'BCT-3',
      statement: 'No retraining is needed.',
      measure: 'whether the model is retrained',
      paper: { value: 'none', baseline: 'layerwise quantisation often needs it', source: 'paper', where: 'abstract' },
      quote: 'eliminating the requirement for retraining',
    },
    {
      id: 'BCT-4',
      statement:
        'Everything is compressed: embedding, products, GELU, softmax, normalisation and all intermediate results.',
      measure: 'operations covered',
      paper: {
        value: 'embedding, matrix multiplications, GELU, softmax, layer normalisation, all intermediate results',
        baseline: 'methods that leave non-linear parts in floating point',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'BCT effectively compresses all components of the model, including but not limited to the embedding, matrix multiplication, GELU, Softmax, layer normalization, and intermediate results',
    },
    {
      id: 'BCT-5',
      statement: 'Working by blocks instead of layers shifts the distribution less.',
      measure: 'deviation after quantisation by block and by layer, same bit width',
      paper: { value: 'smaller deviation', baseline: 'layerwise', source: 'paper', where: 'abstract' },
      quote: 'This method mitigates data distribution deviation caused by quantization',
    },
    {
      id: 'BCT-6',
      statement: 'Inference is integer-only, with small blocks, adaptive bit widths and optional entropy coding.',
      measure: 'what the scheme contains',
      paper: { value: 'claimed', source: 'third party' },
    },
  ],
  remarks: [
    'Only abstracts and two secondary summaries could be read and no code is known: everything beyond the abstract is a reconstruction here, the simplest scheme that fits every sentence of it.',
    '7.988x is 4.006 bits a parameter, which fits four-bit weights whose block shifts are not counted. Both ratios, with and without metadata, should be read.',
    'Relatives: block floating point, OCP microscaling MXINT8, llama.cpp Q4_0 and Q8_0, I-BERT (integer-only, needs fine-tuning).',
  ],
} satisfies Method;
