/** Parameters of the six shapes of the paper's table. */
import type { ModelConfig } from '@working-papers/models';
import type { RunContext } from '../../../contract.ts';
import { countParameters, type StudentShape, shapeName, studentConfig } from '../student.ts';

/** BERT-base, uncased: the paper's teacher of this table. */
export const bertBase: ModelConfig = {
  model_type: 'bert',
  vocab_size: 30_522,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

/** The shapes, with what the table prints of each: parameters in millions, seconds. `name` is the value's in evidence. */
export const tableShapes: readonly (StudentShape & { name: string; millions: string; seconds: number })[] = [
  { name: 'base', layers: 12, hidden: 768, millions: '85.1', seconds: 93.1 },
  { name: 'half', layers: 6, hidden: 768, millions: '42.5', seconds: 46.9 },
  { name: 'narrow', layers: 12, hidden: 384, millions: '21.3', seconds: 34.8 },
  { name: 'six', layers: 6, hidden: 384, millions: '10.6', seconds: 17.7 },
  { name: 'four', layers: 4, hidden: 384, millions: '7.1', seconds: 12.0 },
  { name: 'three', layers: 3, hidden: 384, millions: '5.3', seconds: 9.2 },
];

export async function shapes(context: RunContext): Promise<void> {
  const counted = tableShapes.map((shape) => ({ ...shape, ...countParameters(studentConfig(bertBase, shape)) }));
  context.emit({
    type: 'table',
    name: 'shapes',
    caption: 'Parameters of the paper’s shapes, counted weight by weight',
    columns: [
      { name: 'shape', type: 'text' },
      { name: 'in layers', unit: 'parameters', type: 'number' },
      { name: 'paper', unit: 'M', type: 'text' },
      { name: 'table of tokens', unit: 'parameters', type: 'number' },
      { name: 'in all', unit: 'parameters', type: 'number' },
    ],
    rows: counted.map(({ millions, transformer, embeddings, all, ...shape }) => [
      shapeName(shape),
      transformer,
      millions,
      embeddings,
      all,
    ]),
  });
  const differ = counted.filter(({ transformer, millions }) => (transformer / 1e6).toFixed(1) !== millions).length;
  context.emit({
    type: 'evidence',
    claim: 'ML-9',
    stage: 'shapes',
    values: {
      differ: { value: differ, unit: 'shapes' },
      ...Object.fromEntries(counted.map(({ name, transformer }) => [name, { value: transformer / 1e6, unit: 'M' }])),
    },
    setting:
      'weights of the layers of BERT-base and of 6x768, 12x384, 6x384, 4x384 and 3x384, counted from their names and shapes; differ counts those that do not round to the printed digits',
  });
}
