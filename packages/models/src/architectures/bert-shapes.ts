import type { ModelConfig } from '../formats/types.ts';
import type { BertFamily } from './bert.ts';
import { bertFamily, mpnetFamily, robertaFamily } from './bert-families.ts';
import { namesWithin } from './encoder.ts';

const families: readonly BertFamily[] = [bertFamily, robertaFamily, mpnetFamily];

/** Values of `model_type` that {@link bertShapes} knows. */
export const bertTypes: readonly string[] = families.flatMap(({ types }) => types);

/**
 * Names and shapes of the weights of a BERT, RoBERTa, XLM-RoBERTa or MPNet, as Hugging Face's files have them: what a model from scratch
 * begins with. The configuration's `architectures` says whether it is a base model (the default) or one `ForSequenceClassification`
 * with the labels of `id2label`. Throws a sentence for others.
 */
export function bertShapes(modelConfig: ModelConfig): Map<string, readonly number[]> {
  const family = families.find(({ types }) => types.includes(modelConfig.model_type));
  if (!family)
    throw new Error(
      `The weights of a '${modelConfig.model_type}' model are not listed here, only those of ${bertTypes.join(', ')}.`,
    );
  const kind = modelConfig.architectures?.[0] ?? 'Model';
  const classifies = kind.endsWith('ForSequenceClassification');
  if (!classifies && !kind.endsWith('Model'))
    throw new Error(
      `The weights of a ${kind} are not listed here, only those of base models and of classifiers of texts.`,
    );
  const { hidden, intermediate, layers, vocabulary, contextLength, padding, heads } = family.config(modelConfig);
  const base = classifies ? family.base : '';
  const shapes = new Map<string, readonly number[]>();
  const norm = (name: string) => shapes.set(`${name}.weight`, [hidden]).set(`${name}.bias`, [hidden]);
  const product = (name: string, rows: number, columns: number) =>
    shapes.set(`${name}.weight`, [rows, columns]).set(`${name}.bias`, [rows]);
  const before = padding === undefined ? 0 : padding + 1;
  shapes.set(`${base}embeddings.word_embeddings.weight`, [vocabulary, hidden]);
  shapes.set(`${base}embeddings.position_embeddings.weight`, [contextLength + before, hidden]);
  if (family.tokenTypes)
    shapes.set(`${base}embeddings.token_type_embeddings.weight`, [modelConfig.type_vocab_size ?? 2, hidden]);
  norm(`${base}embeddings.LayerNorm`);
  if (family.relative) shapes.set(`${base}encoder.relative_attention_bias.weight`, [32, heads]);
  for (let layer = 0; layer < layers; layer++) {
    const names = namesWithin(`${base}${family.layer(layer, modelConfig)}`, family.block);
    for (const name of [names.query, names.key, names.value, names.attentionOutput]) product(name, hidden, hidden);
    norm(names.attentionNorm);
    product(names.mlpInput, intermediate, hidden);
    product(names.mlpOutput, hidden, intermediate);
    norm(names.mlpNorm);
  }
  const { pooler, sequence } = family.heads;
  if (pooler && (!classifies || sequence.from === 'pooled')) product(`${base}${pooler}`, hidden, hidden);
  if (classifies) {
    if (sequence.dense) product(sequence.dense, hidden, hidden);
    product(sequence.output, Object.keys(modelConfig.id2label ?? { 0: '', 1: '' }).length, hidden);
  }
  return shapes;
}
