import type { ModelConfig } from '../formats/types.ts';
import type { BertFamily } from './bert.ts';
import { headShapes, namedHead } from './encoder-heads.ts';

/**
 * Names and shapes of the weights of a BERT or one of its kin, with the head that `architectures` names, as Hugging Face's files have them: what a
 * model from scratch begins with. The base model alone has its pooler and names without `bert.`.
 */
export function bertShapes(family: BertFamily, modelConfig: ModelConfig): Map<string, readonly number[]> {
  const { hidden, intermediate, vocabulary, layers, heads, contextLength, padding } = family.config(modelConfig);
  const embedding = typeof modelConfig.embedding_size === 'number' ? modelConfig.embedding_size : hidden;
  const head = namedHead(modelConfig);
  const base = head ? family.base : '';
  const shapes = new Map<string, readonly number[]>();
  const norm = (name: string, width = hidden) => shapes.set(`${name}.weight`, [width]).set(`${name}.bias`, [width]);
  const product = (name: string, rows: number, columns: number) =>
    shapes.set(`${name}.weight`, [rows, columns]).set(`${name}.bias`, [rows]);

  shapes.set(`${base}embeddings.word_embeddings.weight`, [vocabulary, embedding]);
  const places = contextLength + (padding === undefined ? 0 : padding + 1);
  shapes.set(`${base}embeddings.position_embeddings.weight`, [places, embedding]);
  if (family.tokenTypes)
    shapes.set(`${base}embeddings.token_type_embeddings.weight`, [modelConfig.type_vocab_size ?? 2, embedding]);
  norm(`${base}embeddings.LayerNorm`, embedding);
  if (family.embeddingProjection) product(`${base}${family.embeddingProjection}`, hidden, embedding);
  for (let layer = 0; layer < layers; layer++) {
    const within = `${base}${family.layer(layer, modelConfig)}`;
    const { query, key, value, attentionOutput, attentionNorm, mlpInput, mlpOutput, mlpNorm } = family.block;
    for (const name of [query, key, value, attentionOutput]) product(`${within}.${name}`, hidden, hidden);
    norm(`${within}.${attentionNorm}`);
    product(`${within}.${mlpInput}`, intermediate, hidden);
    product(`${within}.${mlpOutput}`, hidden, intermediate);
    norm(`${within}.${mlpNorm}`);
  }
  if (family.relative) shapes.set(`${base}encoder.relative_attention_bias.weight`, [32, heads]);
  if (!head) {
    if (family.heads.pooler) product(family.heads.pooler, hidden, hidden);
    return shapes;
  }
  const labels = Object.keys((modelConfig.id2label as object | undefined) ?? { 0: '', 1: '' }).length;
  const sizes = { base: family.base, hidden, vocabulary, embedding, labels };
  for (const [name, shape] of headShapes(head, family.heads, sizes)) shapes.set(name, shape);
  return shapes;
}
