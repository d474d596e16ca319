import { mul, reshape, rmsNorm, type Tensor } from '@working-papers/graph';
import { activationOf } from './activations.ts';
import { shower } from './architecture.ts';
import { exchangedPositions } from './combinations.ts';
import {
  type Decoder,
  type DecoderArchitecture,
  type DecoderHead,
  decoderArchitecture,
  embedded,
  headOf,
  lastRows,
  layerInput,
  wanted,
} from './decoder.ts';
import { linear } from './linear.ts';
import { llamaConfig, llamaTypes } from './llama-config.ts';
import { llamaShapes } from './llama-shapes.ts';
import type { DecoderParts, Mlp } from './parts.ts';
import { noPositions, rotaryPositions } from './positions.ts';
import { addNorm, rmsNormalisation } from './residual.ts';
import { selfAttention } from './self-attention.ts';

/**
 * A decoder of the Llama family (LLaMA, arXiv 2302.13971): pre-norm blocks of attention and a gated MLP. Mistral adds a window,
 * Qwen2 biases, Qwen3 a norm of each head's queries and keys, SmolLM3 layers without positions.
 * Names of weights are those of Hugging Face's LlamaForCausalLM.
 */
export const llama: Decoder = (modelConfig, weights, input) => {
  const config = llamaConfig(modelConfig);
  const parts: DecoderParts = {
    attention: input.parts?.attention ?? selfAttention,
    positions: exchangedPositions(input.parts?.positions) ?? rotaryPositions(config.rotary, config.contextLength),
    mlp: input.parts?.mlp ?? gatedMlp,
    norm: input.parts?.norm ?? rmsNormalisation,
  };
  const tap = shower(input.tap);
  const gain = (name: string, width = config.hidden) => weights.get(name, [width]);
  const { epsilon } = config;

  let stream = embedded(weights, input, 'model.embed_tokens.weight', config); // [rows, sequence, hidden]
  if (parts.positions.embed) stream = parts.positions.embed(stream, required(input.positions));
  stream = tap('embedding', stream);
  const shape = stream.shape.slice(0, 2);
  // A step's kernels see [tokens, features]; attention alone needs the rows.
  const flat = (input.cache ?? input.slots) !== undefined && !input.tap && !input.parts?.mlp;
  if (flat) stream = reshape(stream, [-1, config.hidden]);
  const apart = (x: Tensor) => (flat ? reshape(x, [...shape, x.shape.at(-1)!]) : x);
  const together = (x: Tensor) => (flat ? reshape(x, [-1, x.shape.at(-1)!]) : x);
  let normed = parts.norm(stream, gain('model.layers.0.input_layernorm.weight'), { epsilon });
  const keys: Tensor[] = [];
  const values: Tensor[] = [];
  const cut = lastRows(input);

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const prefix = `model.layers.${layer}`;
    const attend = `${prefix}.self_attn`;
    const biases = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${attend}.${name}.bias`);
    const headNorm = (name: string) => (x: Tensor) =>
      rmsNorm(x, gain(`${attend}.${name}.weight`, config.headDim), { epsilon });
    const scale = config.rotated[layer] ? config.rotatedScale : undefined;
    const attended = parts.attention({
      config: scale === undefined ? config : { ...config, scale },
      ...layerInput(input, layer, (name, tensor) => tap(`${block}.attention.${name}`, tensor)),
      qkv: apart(
        weights.linear(
          tap(`${block}.attention.input`, normed), // [rows, sequence, hidden]
          ['q_proj', 'k_proj', 'v_proj'].map((name) => `${attend}.${name}.weight`),
          weights.has(biases[0]!) ? biases : undefined,
        ),
      ), // [rows, sequence, (heads + 2 kvHeads) headDim]
      ...(weights.has(`${attend}.q_norm.weight`)
        ? { headNorm: { query: headNorm('q_norm'), key: headNorm('k_norm') } }
        : {}),
      positions: config.rotated[layer] ? parts.positions : noPositions,
      window: config.windows[layer],
    });
    keys.push(attended.key);
    values.push(attended.value);
    let heads = together(tap(`${block}.attention.heads`, attended.output)); // [rows, sequence, heads headDim]
    const last = layer === config.layers - 1;
    if (last && cut) [stream, heads] = [cut(stream), cut(heads)];
    const attention = linear(weights, heads, `${attend}.o_proj`); // [rows, sequence, hidden]

    const middle = addNorm(
      stream,
      tap(`${block}.attention.output`, attention),
      parts.norm,
      { gain: gain(`${prefix}.post_attention_layernorm.weight`), epsilon },
      (sum) => tap(`${block}.middle`, sum),
    );
    const mlp = parts.mlp({
      config,
      layer,
      x: tap(`${block}.mlp.input`, middle.normed),
      weights,
      prefix: `${prefix}.mlp`,
      tap: (name, tensor) => tap(`${block}.mlp.${name}`, tensor),
    });
    ({ normed, sum: stream } = addNorm(
      middle.sum,
      tap(`${block}.mlp.output`, mlp),
      parts.norm,
      { gain: gain(last ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`), epsilon },
      (sum) => tap(`${block}.residual`, sum),
    ));
  }

  normed = tap('norm', normed);
  const hidden = cut ? normed : apart(normed);
  const logits = tap('logits', llamaHead(modelConfig, weights)(cut ? hidden : wanted(hidden, input.logitsAt ?? 'all')));
  return { logits, hidden, keys, values };
};

const llamaHead: DecoderHead = (config, weights) =>
  headOf(weights, llamaConfig(config).tiedHead, 'lm_head.weight', 'model.embed_tokens.weight');

/** down(activation(gate(x)) * up(x)) (GLU variants, arXiv 2002.05202: SwiGLU). */
export const gatedMlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const [gateBias, upBias] = [`${prefix}.gate_proj.bias`, `${prefix}.up_proj.bias`];
  const [gate, up] = weights.apart(
    x,
    [`${prefix}.gate_proj.weight`, `${prefix}.up_proj.weight`],
    weights.has(gateBias) ? [gateBias, upBias] : undefined,
  ) as [Tensor, Tensor];
  const active = activationOf(config.activation, 'Llama')(tap('gate', gate));
  const hidden = tap('hidden', mul(active, tap('up', up))); // [rows, sequence, intermediate]
  return linear(weights, hidden, `${prefix}.down_proj`);
};

export const llamaArchitecture: DecoderArchitecture = {
  ...decoderArchitecture(llamaTypes, llamaConfig, llama, llamaHead),
  shapes: llamaShapes,
};

function required(positions: Tensor | undefined): Tensor {
  if (!positions) throw new Error('This way of positions reads position ids, but the graph was given none.');
  return positions;
}
