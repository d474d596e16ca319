import { showValue } from '../formats/element-types.ts';
import { attentionFactor } from '../formats/rope-scaling.ts';
import type { ModelConfig } from '../formats/types.ts';
import { activationOf } from './activations.ts';
import type { DecoderConfig } from './parts.ts';
import { type RotaryFrequencies, rotaryFrequencies } from './rotary.ts';

/** The numbers that a Llama-type graph is built from, with every default of the family filled in. */
export interface LlamaConfig extends DecoderConfig {
  rotary: RotaryFrequencies;
  /** Factor of the scores of layers that turn their queries and keys, where it is another than that of the others. */
  rotatedScale?: number;
  tiedHead: boolean;
  /** A layer's window, in tokens, or undefined where it sees everything. */
  windows: readonly (number | undefined)[];
  /** Whether a layer turns its queries and keys (SmolLM3 leaves some without positions). */
  rotated: readonly boolean[];
}

/** Model types that {@link llamaConfig} reads. */
export const llamaTypes = ['llama', 'mistral', 'qwen2', 'qwen3', 'smollm3'] as const;

/** Whether this model's architecture is of the Llama family. */
export const isLlama = (config: ModelConfig): boolean => llamaTypes.includes(config.model_type as 'llama');

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function llamaConfig(config: ModelConfig): LlamaConfig {
  if (!isLlama(config)) {
    throw new Error(`The architecture '${config.model_type}' is not of the Llama family (${llamaTypes.join(', ')}).`);
  }
  const activation = config.hidden_act ?? 'silu';
  activationOf(activation, 'Llama');
  const layers = config.num_hidden_layers;
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (heads % kvHeads !== 0) throw new Error(`${heads} query heads cannot share ${kvHeads} key heads evenly.`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new Error(
      `A head must be an even whole number wide; ${config.hidden_size} over ${heads} heads gives ${headDim}.`,
    );
  }
  const factor = attentionFactor(config);
  return {
    layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    heads,
    kvHeads,
    headDim,
    epsilon: config.rms_norm_eps ?? 1e-6,
    contextLength: config.max_position_embeddings ?? 2048,
    activation,
    rotary: rotaryFrequencies(config, headDim),
    ...(factor === 1 ? {} : { rotatedScale: factor ** 2 / Math.sqrt(headDim) }),
    tiedHead: config.tie_word_embeddings ?? false,
    windows: windowsOf(config),
    rotated: rotatedLayers(config),
  };
}

/** `layer_types` where the file has them, else the rule of the model type. */
function windowsOf(config: ModelConfig): (number | undefined)[] {
  const { num_hidden_layers: layers, sliding_window: window, layer_types: types } = config;
  if (window !== undefined && window !== null && !(Number.isInteger(window) && (window as number) >= 1)) {
    throw new Error(`sliding_window must be a whole number of at least 1; got ${showValue(window)}.`);
  }
  const used = typeof window === 'number' && config.use_sliding_window !== false;
  if (Array.isArray(types)) {
    checkLayerTypes(types, layers, used);
    if (used) return types.map((type) => (type === 'sliding_attention' ? window : undefined));
  }
  if (!used) return new Array(layers).fill(undefined);
  if (config.model_type === 'mistral') return new Array(layers).fill(window);
  if (config.model_type === 'llama' || config.use_sliding_window !== true) return new Array(layers).fill(undefined);
  const first = typeof config.max_window_layers === 'number' ? config.max_window_layers : 0;
  return Array.from({ length: layers }, (_, layer) => (layer >= first ? window : undefined));
}

/** Refuses layers of kinds that are not built, and windows without a size. */
function checkLayerTypes(types: readonly unknown[], layers: number, windowed: boolean): void {
  if (types.length !== layers) throw new Error(`layer_types names ${types.length} layers; the model has ${layers}.`);
  const other = types.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (other !== undefined) {
    throw new Error(
      `layer_types names ${showValue(other)}; 'full_attention' and 'sliding_attention' are built in a Llama-type model.`,
    );
  }
  if (!windowed && types.includes('sliding_attention')) {
    throw new Error(
      'layer_types names layers of sliding_attention, but the configuration has no sliding_window that is used. Give it one, or name full_attention.',
    );
  }
}

/** SmolLM3's `no_rope_layers`: 1 for a layer that turns, 0 for one that does not; by default every fourth does not. */
function rotatedLayers(config: ModelConfig): boolean[] {
  const { num_hidden_layers: layers, no_rope_layers: given } = config;
  if (config.model_type !== 'smollm3') return new Array(layers).fill(true);
  if (Array.isArray(given)) {
    if (given.length !== layers)
      throw new Error(`no_rope_layers names ${given.length} layers; the model has ${layers}.`);
    return given.map((rotated) => rotated === 1);
  }
  const interval = typeof config.no_rope_layer_interval === 'number' ? config.no_rope_layer_interval : 4;
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
}
