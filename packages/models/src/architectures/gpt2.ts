import type { Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
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
import { gpt2Config } from './gpt2-config.ts';
import { gpt2Shapes } from './gpt2-shapes.ts';
import type { DecoderParts, Mlp } from './parts.ts';
import { learnedPositions, places } from './positions.ts';
import { addNorm, layerNormalisation } from './residual.ts';
import { selfAttention } from './self-attention.ts';

/**
 * GPT-2 (Radford et al. 2019): pre-norm blocks with learned positions. Names of weights are those of Hugging Face's
 * GPT2LMHeadModel, with or without the prefix `transformer.`; its products are `[in, out]` (Conv1D).
 */
export const gpt2: Decoder = (modelConfig, weights, input) => {
  const config = gpt2Config(modelConfig);
  const prefix = prefixOf(weights);
  const parts: DecoderParts = {
    attention: input.parts?.attention ?? selfAttention,
    positions:
      exchangedPositions(input.parts?.positions) ??
      learnedPositions(weights, `${prefix}wpe.weight`, 0, config.contextLength),
    mlp: input.parts?.mlp ?? convolutionMlp,
    norm: input.parts?.norm ?? layerNormalisation,
  };
  const tap = shower(input.tap);
  const { epsilon } = config;
  const normOf = (name: string) => ({
    gain: weights.get(`${prefix}${name}.weight`, [config.hidden]),
    bias: weights.get(`${prefix}${name}.bias`, [config.hidden]),
    epsilon,
  });
  const product = (x: Tensor, name: string) =>
    weights.linear(x, `${prefix}${name}.weight`, `${prefix}${name}.bias`, { layout: 'in-out' });

  let stream = embedded(weights, input, `${prefix}wte.weight`, config); // [rows, sequence, hidden]
  const positions = input.positions ?? (input.cache ? undefined : places(stream));
  if (parts.positions.embed) {
    if (!positions) throw new Error('GPT-2 with a cache needs position ids, int64 [rows, sequence].');
    stream = parts.positions.embed(stream, positions);
  }
  stream = tap('embedding', stream);
  const first = normOf('h.0.ln_1');
  let normed = parts.norm(stream, first.gain, first);
  const keys: Tensor[] = [];
  const values: Tensor[] = [];
  const cut = lastRows(input);

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const attended = parts.attention({
      config: config.scaleByLayer ? { ...config, scale: 1 / (Math.sqrt(config.headDim) * (layer + 1)) } : config,
      ...layerInput({ ...input, positions }, layer, (name, tensor) => tap(`${block}.attention.${name}`, tensor)),
      qkv: product(tap(`${block}.attention.input`, normed), `h.${layer}.attn.c_attn`), // [rows, sequence, 3 hidden]
      positions: parts.positions,
    });
    keys.push(attended.key);
    values.push(attended.value);
    let heads = tap(`${block}.attention.heads`, attended.output);
    const last = layer === config.layers - 1;
    if (last && cut) [stream, heads] = [cut(stream), cut(heads)];
    const attention = product(heads, `h.${layer}.attn.c_proj`);
    const middle = addNorm(
      stream,
      tap(`${block}.attention.output`, attention),
      parts.norm,
      normOf(`h.${layer}.ln_2`),
      (sum) => tap(`${block}.middle`, sum),
    );
    const mlp = parts.mlp({
      config,
      layer,
      x: tap(`${block}.mlp.input`, middle.normed),
      weights,
      prefix: `${prefix}h.${layer}.mlp`,
      tap: (name, tensor) => tap(`${block}.mlp.${name}`, tensor),
    });
    ({ normed, sum: stream } = addNorm(
      middle.sum,
      tap(`${block}.mlp.output`, mlp),
      parts.norm,
      normOf(last ? 'ln_f' : `h.${layer + 1}.ln_1`),
      (sum) => tap(`${block}.residual`, sum),
    ));
  }

  const hidden = tap('norm', normed);
  const logits = tap('logits', gpt2Head(modelConfig, weights)(cut ? hidden : wanted(hidden, input.logitsAt ?? 'all')));
  return { logits, hidden, keys, values };
};

const prefixOf = (weights: WeightSource) => (weights.has('transformer.wte.weight') ? 'transformer.' : '');

const gpt2Head: DecoderHead = (config, weights) =>
  headOf(weights, gpt2Config(config).tiedHead, 'lm_head.weight', `${prefixOf(weights)}wte.weight`);

/** c_proj(activation(c_fc(x))), both Conv1D. */
const convolutionMlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const inner = weights.linear(x, `${prefix}.c_fc.weight`, `${prefix}.c_fc.bias`, { layout: 'in-out' });
  const hidden = tap('hidden', activationOf(config.activation, 'GPT-2')(tap('gate', inner))); // [rows, sequence, intermediate]
  return weights.linear(hidden, `${prefix}.c_proj.weight`, `${prefix}.c_proj.bias`, { layout: 'in-out' });
};

export const gpt2Architecture: DecoderArchitecture = {
  ...decoderArchitecture(['gpt2'], gpt2Config, gpt2, gpt2Head),
  shapes: gpt2Shapes,
};
