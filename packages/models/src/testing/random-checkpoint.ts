/** Small models with random weights, in memory, for tests. */
import { llamaShapes } from '../architectures/llama-shapes.ts';
import { heldTensor } from '../formats/held-tensor.ts';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import { seededUniform } from '../generation/sampling.ts';

export const tinyLlama: ModelConfig = {
  model_type: 'llama',
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

export const tinyBert: ModelConfig = {
  model_type: 'bert',
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

function randomWeights(shapes: Record<string, readonly number[]>, seed: number): Map<string, WeightTensor> {
  const uniform = seededUniform(seed);
  const tensors = new Map<string, WeightTensor>();
  for (const [name, shape] of Object.entries(shapes)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const norm = /norm.*weight$/i.test(name);
    const spread = shape.length === 2 ? 2 / Math.sqrt(shape[1]!) : 0.2;
    const values = Float32Array.from({ length: count }, () => (uniform() * 2 - 1) * spread + (norm ? 1 : 0));
    tensors.set(name, heldTensor(name, shape, values));
  }
  return tensors;
}

export const randomLlama = (config: ModelConfig, seed = 1): Map<string, WeightTensor> =>
  randomWeights(Object.fromEntries(llamaShapes(config)), seed);

/**
 * The checkpoint of generation/fixtures/make-reference.py: weights in the order of their names, drawn by a linear congruential
 * generator.
 */
export function congruentialLlama(config: ModelConfig, seed: number): Map<string, WeightTensor> {
  let state = seed;
  const entries = [...randomLlama(config)].sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(
    entries.map(([name, { shape, count }]) => {
      const [spread, centre] = shape.length === 2 ? [2 / Math.sqrt(shape[1]!), 0] : [0.2, 1];
      const values = Float32Array.from({ length: count }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state / 2 ** 31 - 1) * spread + centre;
      });
      return [name, heldTensor(name, shape, values)];
    }),
  );
}

export function randomBert(config: ModelConfig, seed = 1): Map<string, WeightTensor> {
  const hidden = config.hidden_size;
  const shapes: Record<string, readonly number[]> = {
    'embeddings.word_embeddings.weight': [config.vocab_size, hidden],
    'embeddings.position_embeddings.weight': [config.max_position_embeddings!, hidden],
    'embeddings.token_type_embeddings.weight': [config.type_vocab_size!, hidden],
    'embeddings.LayerNorm.weight': [hidden],
    'embeddings.LayerNorm.bias': [hidden],
  };
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    for (const [name, rows, columns] of [
      ['attention.self.query', hidden, hidden],
      ['attention.self.key', hidden, hidden],
      ['attention.self.value', hidden, hidden],
      ['attention.output.dense', hidden, hidden],
      ['intermediate.dense', config.intermediate_size, hidden],
      ['output.dense', hidden, config.intermediate_size],
    ] as const) {
      shapes[`${prefix}.${name}.weight`] = [rows, columns];
      shapes[`${prefix}.${name}.bias`] = [rows];
    }
    for (const name of ['attention.output.LayerNorm', 'output.LayerNorm']) {
      shapes[`${prefix}.${name}.weight`] = [hidden];
      shapes[`${prefix}.${name}.bias`] = [hidden];
    }
  }
  return randomWeights(shapes, seed);
}

/** Float32 values of a weight made here. */
export function valuesOf(tensors: ReadonlyMap<string, WeightTensor>, name: string): Float32Array {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`no weight ${name}`);
  const bytes = tensor.bytesSync();
  return new Float32Array(bytes.buffer, bytes.byteOffset, tensor.count);
}

export { heldTensor as weightOf };
