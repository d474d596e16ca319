/**
 * The models of a scan. The paper's: a decoder with a layer norm before each part, rotary positions, no biases, a GELU MLP of four times the
 * width and a head of its own; or the reader's own configuration of the Llama or GPT-2 family, at its size or others.
 */
import { gelu, layerNorm, type Tensor } from '@working-papers/graph';
import {
  type Attention,
  architectureOf,
  checkConfig,
  denseAttention,
  gpt2Shapes,
  isLlama,
  layerNormalisation,
  llamaShapes,
  type Mlp,
  type ModelConfig,
  type Tap,
  type WeightSource,
} from '@working-papers/models';
import { normalValues } from '@working-papers/training';
import type { Arm } from './arms.ts';
import { sizeOf } from './sizes.ts';

/** A model to be trained: what it is, before its weights. */
export interface ProxyModel {
  /** `2x64`: layers and width. */
  size: string;
  layers: number;
  width: number;
  config: ModelConfig;
  /** The paper's decoder, or the architecture of the configuration as it is. */
  kind: 'paper' | 'config';
}

/** The paper's decoder of so many layers and so wide. Throws a sentence where heads do not divide the width. */
export function paperProxy(size: string, { headDim, vocabulary, sequence }: ProxyShape): ProxyModel {
  const [layers, width] = sizeOf(size);
  checkHeads(width, headDim);
  const config = checkConfig(
    {
      model_type: 'llama',
      vocab_size: vocabulary,
      hidden_size: width,
      intermediate_size: 4 * width,
      num_hidden_layers: layers,
      num_attention_heads: width / headDim,
      num_key_value_heads: width / headDim,
      max_position_embeddings: sequence,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      tie_word_embeddings: false,
      hidden_act: 'gelu',
    },
    'the decoder of the paper',
  );
  return { size: `${layers}x${width}`, layers, width, config, kind: 'paper' };
}

export interface ProxyShape {
  /** Width of a head; of a configuration without one its own. */
  headDim: number;
  vocabulary: number;
  sequence: number;
}

/** A reader's configuration, at its own size or at another with the same proportions. */
export function configProxy(
  given: ModelConfig,
  size: string | undefined,
  { headDim, vocabulary, sequence }: ProxyShape,
): ProxyModel {
  if (!isLlama(given) && given.model_type !== 'gpt2')
    throw new Error(
      `A scan trains models of the Llama and GPT-2 families; this config.json is of "${given.model_type}".`,
    );
  const config: ModelConfig = {
    ...Object.fromEntries(Object.entries(given).filter(([field]) => !ownNames.has(field))),
    model_type: given.model_type,
    hidden_size: given.hidden_size,
    intermediate_size: given.intermediate_size,
    num_hidden_layers: given.num_hidden_layers,
    num_attention_heads: given.num_attention_heads,
    vocab_size: vocabulary,
    max_position_embeddings: Math.max(sequence, given.max_position_embeddings ?? sequence),
  };
  const [layers, width] = size === undefined ? [config.num_hidden_layers, config.hidden_size] : sizeOf(size);
  if (size !== undefined) {
    checkHeads(width, headDim);
    const heads = width / headDim;
    const shared = given.num_attention_heads / (given.num_key_value_heads ?? given.num_attention_heads);
    config.num_hidden_layers = layers;
    config.hidden_size = width;
    config.intermediate_size = Math.round((given.intermediate_size * width) / given.hidden_size);
    config.num_attention_heads = heads;
    config.num_key_value_heads = heads % shared === 0 ? heads / shared : heads;
    delete config.head_dim;
    delete config.layer_types;
  }
  const own = config.model_type === 'gpt2' ? gpt2Fields(config) : config;
  return { size: `${layers}x${width}`, layers, width, config: checkConfig(own, 'config.json'), kind: 'config' };
}

/** GPT-2's names of the usual fields, which its files have instead of them. */
const ownNames = new Set(['n_embd', 'n_inner', 'n_layer', 'n_head', 'n_positions', 'n_ctx']);
const gpt2Fields = (config: ModelConfig): ModelConfig => ({
  ...config,
  n_embd: config.hidden_size,
  n_inner: config.intermediate_size,
  n_layer: config.num_hidden_layers,
  n_head: config.num_attention_heads,
  n_positions: config.max_position_embeddings,
});

function checkHeads(width: number, headDim: number): void {
  if (width % headDim !== 0)
    throw new Error(
      `Heads of ${headDim} do not divide a width of ${width}: use a multiple of ${headDim}, or another head dimension.`,
    );
}

/** Names of the gains of a layer's queries and keys, where an arm normalises them. */
const qkNames = ({ config }: ProxyModel, layer: number) => {
  const attention = config.model_type === 'gpt2' ? `transformer.h.${layer}.attn` : `model.layers.${layer}.self_attn`;
  return { query: `${attention}.q_norm.weight`, key: `${attention}.k_norm.weight` };
};

const headDimOf = ({ config }: ProxyModel): number =>
  config.head_dim ?? config.hidden_size / config.num_attention_heads;

/** Names and shapes of a model's weights. */
export function shapesOf(proxy: ProxyModel, arm: Pick<Arm, 'qkNorm'>): Map<string, readonly number[]> {
  const { config, kind, layers } = proxy;
  const all = config.model_type === 'gpt2' ? gpt2Shapes(config) : llamaShapes(config);
  // The paper's MLP has no gate.
  const shapes = new Map([...all].filter(([name]) => kind === 'config' || !name.includes('.gate_proj.')));
  if (arm.qkNorm) {
    for (let layer = 0; layer < layers; layer++)
      for (const name of Object.values(qkNames(proxy, layer))) shapes.set(name, [headDimOf(proxy)]);
  }
  return shapes;
}

/** How many numbers a model learns. */
export const parametersOf = (proxy: ProxyModel): number =>
  [...shapesOf(proxy, { qkNorm: false }).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** What stands between the tokens and the logits, by the parts of {@link Arm}. */
export const isEmbedding = (name: string): boolean => /(embed_tokens|\.wte|\.wpe)\.weight$/.test(name);
export const isHead = (name: string): boolean => name === 'lm_head.weight';
export const isMatrix = (shape: readonly number[]): boolean => shape.length > 1;

/**
 * What a weight begins with, by (seed, name) alone: normal with variance 1 / fan_in, embeddings with variance 1 / width; gains 1, biases 0. Under
 * muParam the head's variance is w0 / fan_in^2, which is the usual one at the base width w0.
 */
export function initialValue(
  proxy: ProxyModel,
  name: string,
  shape: readonly number[],
  { seed, mup }: { seed: number; mup?: { baseWidth: number } | undefined },
): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!isMatrix(shape)) return new Float32Array(count).fill(name.endsWith('.bias') ? 0 : 1);
  const fanIn = isEmbedding(name) ? proxy.width : shape[proxy.config.model_type === 'gpt2' && !isHead(name) ? 0 : 1]!;
  const deviation = mup && isHead(name) ? Math.sqrt(mup.baseWidth) / fanIn : 1 / Math.sqrt(fanIn);
  return normalValues(seed, name, count).map((value) => value * deviation);
}

export interface LogitsOptions {
  tap?: Tap;
  /** Of the scores; muParam's is 1 / headDim, default 1 / sqrt(headDim). */
  scale?: number | undefined;
}

/** Logits `[rows, sequence, vocabulary]` of ids `[rows, sequence]`. */
export function logitsOf(
  proxy: ProxyModel,
  arm: Pick<Arm, 'qkNorm' | 'mup'>,
  weights: WeightSource,
  ids: Tensor,
  { tap, scale = arm.mup ? 1 / headDimOf(proxy) : undefined }: LogitsOptions = {},
): Tensor {
  const attention: Attention = (input) => {
    const config = scale === undefined ? input.config : { ...input.config, scale };
    if (!arm.qkNorm) return denseAttention({ ...input, config });
    const names = qkNames(proxy, input.layer);
    const norm = (name: string) => (x: Tensor) => layerNorm(x, weights.get(name, [headDimOf(proxy)]));
    return denseAttention({ ...input, config, headNorm: { query: norm(names.query), key: norm(names.key) } });
  };
  const parts = proxy.kind === 'paper' ? { attention, mlp, norm: layerNormalisation } : { attention };
  const { logits } = architectureOf(proxy.config).forward(proxy.config, weights, { ids }, { tap, parts });
  return logits!;
}

/** down(gelu(up(x))) */
const mlp: Mlp = ({ x, weights, prefix, tap }) => {
  const hidden = tap('hidden', gelu(tap('up', weights.linear(x, `${prefix}.up_proj.weight`))));
  return weights.linear(hidden, `${prefix}.down_proj.weight`);
};
