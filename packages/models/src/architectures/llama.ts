import {
  add,
  gather,
  mul,
  reshape,
  rmsNorm,
  silu,
  skipRmsNorm,
  slice,
  split,
  type Tensor,
} from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { cachedAttention, denseAttention } from './attention.ts';
import { type LlamaConfig, llamaConfig } from './llama-config.ts';
import type { LlamaParts, Mlp } from './parts.ts';
import { rotaryPositions } from './positions.ts';

export interface LlamaInput {
  /** int64 `[rows, sequence]`; or {@link inputsEmbeds}. */
  ids?: Tensor;
  /** float32 `[rows, sequence, hidden]` in place of the embeddings of `ids`. */
  inputsEmbeds?: Tensor;
  /** int64 `[rows, sequence]`. Needed without a cache, and by parts that read positions. */
  positions?: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, keys]`; without one and without a cache, attention is causal. */
  mask?: Tensor;
  /** Tensors of the tokens before, one a layer; see {@link LlamaParts} and `LayerCache`. */
  cache?: { keys: readonly Tensor[]; values: readonly Tensor[]; last: Tensor; total: Tensor };
  parts?: Partial<LlamaParts>;
  /**
   * Sees or replaces activations by name: `embedding`, `blocks.N.attention.{input, query, key, value,
   * rotatedQuery, rotatedKey, scores, probabilities, heads, output}`, `blocks.N.middle` (the stream after attention), `blocks.N.mlp.{input, gate,
   * up, hidden, output}`, `blocks.N.output` (the stream after the block), `norm`, `logits`. Query to probabilities exist in the dense form only.
   */
  tap?: Tap;
  /** Whose logits are wanted: every token's (default), each row's last one, or those at int64 `[wanted]` places row * sequence + token. */
  logitsAt?: 'all' | 'last' | Tensor;
}

export interface LlamaOutput {
  /** `[rows, sequence, vocabulary]`, `[rows, 1, vocabulary]` or `[wanted, vocabulary]`, as `logitsAt` says. */
  logits: Tensor;
  /** Last hidden states after the final norm, `[rows, sequence, hidden]`. */
  hidden: Tensor;
  /** A tensor a layer: the cache after this run, or `[rows, kvHeads, sequence, headDim]` without one. */
  keys: Tensor[];
  values: Tensor[];
}

/**
 * A decoder of the Llama family (LLaMA, arXiv 2302.13971): pre-norm blocks of attention and a gated MLP.
 * Names of weights are those of Hugging Face's LlamaForCausalLM.
 */
export function llama(modelConfig: ModelConfig, weights: WeightSource, input: LlamaInput): LlamaOutput {
  const config = llamaConfig(modelConfig);
  const parts: LlamaParts = {
    attention: input.parts?.attention ?? (input.cache ? cachedAttention : denseAttention),
    positions: input.parts?.positions ?? rotaryPositions(config.rotary, config.contextLength),
    mlp: input.parts?.mlp ?? gatedMlp,
    norm: input.parts?.norm ?? rmsNorm,
  };
  const tap = (name: string, tensor: Tensor): Tensor => input.tap?.(name, tensor) ?? tensor;
  const gain = (name: string) => weights.get(name, [config.hidden]);

  // Adds what a block computed to the stream and normalises the sum: one kernel, unless somebody looks between.
  const addNorm = (stream: Tensor, delta: Tensor, name: string, gainName: string): [normed: Tensor, sum: Tensor] => {
    if (!input.tap && parts.norm === rmsNorm) {
      const { output, sum } = skipRmsNorm(stream, delta, gain(gainName), { epsilon: config.epsilon });
      return [output, sum];
    }
    const sum = tap(name, add(stream, delta));
    return [parts.norm(sum, gain(gainName), { epsilon: config.epsilon }), sum];
  };

  let stream = embed(config, weights, input);
  if (parts.positions.embed) stream = parts.positions.embed(stream, required(input.positions));
  stream = tap('embedding', stream);
  const shape = stream.shape.slice(0, 2);
  // A step's kernels see [tokens, features]; attention alone needs the rows.
  const flat = input.cache !== undefined && !input.tap && parts.mlp === gatedMlp;
  if (flat) stream = reshape(stream, [-1, config.hidden]);
  const apart = (x: Tensor) => (flat ? reshape(x, [...shape, x.shape.at(-1)!]) : x);
  const together = (x: Tensor) => (flat ? reshape(x, [-1, x.shape.at(-1)!]) : x);
  let normed = parts.norm(stream, gain('model.layers.0.input_layernorm.weight'), { epsilon: config.epsilon });
  const keys: Tensor[] = [];
  const values: Tensor[] = [];

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const prefix = `model.layers.${layer}`;
    const biases = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${prefix}.self_attn.${name}.bias`);
    const attended = parts.attention({
      config,
      layer,
      qkv: apart(
        weights.linear(
          tap(`${block}.attention.input`, normed), // [rows, sequence, hidden]
          ['q_proj', 'k_proj', 'v_proj'].map((name) => `${prefix}.self_attn.${name}.weight`),
          weights.has(biases[0]!) ? biases : undefined,
        ),
      ), // [rows, sequence, (heads + 2 kvHeads) headDim]
      positionIds: input.positions,
      positions: parts.positions,
      mask: input.mask,
      cache: input.cache && {
        key: input.cache.keys[layer]!,
        value: input.cache.values[layer]!,
        last: input.cache.last,
        total: input.cache.total,
      },
      tap: (name, tensor) => tap(`${block}.attention.${name}`, tensor),
    });
    keys.push(attended.key);
    values.push(attended.value);
    const heads = together(tap(`${block}.attention.heads`, attended.output)); // [rows, sequence, heads headDim]
    const attention = linear(weights, heads, `${prefix}.self_attn.o_proj`); // [rows, sequence, hidden]

    [normed, stream] = addNorm(
      stream,
      tap(`${block}.attention.output`, attention),
      `${block}.middle`,
      `${prefix}.post_attention_layernorm.weight`,
    );
    const mlp = parts.mlp({
      config,
      layer,
      x: tap(`${block}.mlp.input`, normed),
      weights,
      prefix: `${prefix}.mlp`,
      tap: (name, tensor) => tap(`${block}.mlp.${name}`, tensor),
    });
    const last = layer === config.layers - 1;
    [normed, stream] = addNorm(
      stream,
      tap(`${block}.mlp.output`, mlp),
      `${block}.output`,
      last ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`,
    );
  }

  const hidden = apart(tap('norm', normed));
  const head = config.tiedHead || !weights.has('lm_head.weight') ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const logits = tap('logits', weights.linear(wanted(hidden, input.logitsAt ?? 'all'), head));
  return { logits, hidden, keys, values };
}

function embed(config: LlamaConfig, weights: WeightSource, input: LlamaInput): Tensor {
  if (input.inputsEmbeds) return input.inputsEmbeds;
  if (!input.ids) throw new Error(`llama needs ids or inputsEmbeds; got neither (hidden size ${config.hidden}).`);
  return weights.embedding(input.ids, 'model.embed_tokens.weight');
}

/** The hidden states whose logits are asked for. */
function wanted(hidden: Tensor, at: 'all' | 'last' | Tensor): Tensor {
  if (at === 'all') return hidden;
  if (at === 'last') return slice(hidden, 1, -1); // [rows, 1, hidden]
  const width = hidden.shape[2]!;
  return gather(reshape(hidden, [-1, width]), at, 0); // [wanted, hidden]
}

function linear(weights: WeightSource, x: Tensor, name: string): Tensor {
  return weights.linear(x, `${name}.weight`, weights.has(`${name}.bias`) ? `${name}.bias` : undefined);
}

/** down(silu(gate(x)) * up(x)) (GLU variants, arXiv 2002.05202: SwiGLU). */
export const gatedMlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const both = weights.linear(x, [`${prefix}.gate_proj.weight`, `${prefix}.up_proj.weight`]);
  const [gate, up] = split(both, [config.intermediate, config.intermediate], -1) as [Tensor, Tensor];
  const hidden = tap('hidden', mul(silu(tap('gate', gate)), tap('up', up))); // [rows, sequence, intermediate]
  return linear(weights, hidden, `${prefix}.down_proj`);
};

function required(positions: Tensor | undefined): Tensor {
  if (!positions) throw new Error('This way of positions reads position ids, but the graph was given none.');
  return positions;
}
