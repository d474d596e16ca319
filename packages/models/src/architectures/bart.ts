import { add, mul, reshape, split, type Tensor } from '@working-papers/graph';
import type { Tap, WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { looksWithin, shower } from './architecture.ts';
import { type BartConfig, bartConfig, bartTypes } from './bart-config.ts';
import { exchangedPositions } from './combinations.ts';
import { crossAttention, crossLayers } from './cross-attention.ts';
import { layerInput, wanted } from './decoder.ts';
import { encoderAttention } from './encoder.ts';
import { linear } from './linear.ts';
import type { DecoderConfig, Mlp } from './parts.ts';
import { learnedPositions, sinusoidalPositions } from './positions.ts';
import { addNorm, layerNormalisation } from './residual.ts';
import { selfAttention } from './self-attention.ts';
import { type Seq2SeqArchitecture, type Seq2SeqParts, seq2seqArchitecture } from './seq2seq.ts';

/**
 * BART (arXiv 1910.13461): an encoder and a decoder of post-norm blocks with learned positions. mBART (arXiv 2001.08210) has the
 * norms before, Marian's translators those with the norms after.
 * Names of weights are those of Hugging Face's BartForConditionalGeneration.
 */
const encode: Seq2SeqArchitecture['encode'] = (modelConfig, weights, { ids, positions, mask, parts = {}, tap }) => {
  const config = bartConfig(modelConfig);
  const stack = stackOf(config, weights, 'encoder', parts, tap);
  const attend = parts.encoderAttention ?? encoderAttention;

  let stream = stack.embed(ids, positions); // [rows, sequence, hidden]
  for (let layer = 0; layer < config.encoder.layers; layer++) {
    const { show, name, around } = stack.block(layer);
    stream = around('middle', stream, `${name}.self_attn_layer_norm`, (x) => {
      const joined = stack.projections(show('attention.input', x), `${name}.self_attn`); // [rows, sequence, 3 hidden]
      const width = config.encoder.hidden;
      const [query, key, value] = split(joined, [width, width, width], -1) as [Tensor, Tensor, Tensor];
      const heads = attend({
        config: config.encoder,
        layer,
        query: show('attention.query', query),
        key: show('attention.key', key),
        value: show('attention.value', value),
        mask,
        tap: (part, tensor) => show(`attention.${part}`, tensor),
        watched: looksWithin(tap),
      });
      const output = linear(weights, show('attention.heads', heads), `${name}.self_attn.out_proj`);
      return show('attention.output', output);
    });
    stream = around('residual', stream, `${name}.final_layer_norm`, (x) => stack.mlp(layer, x));
  }
  return stack.last(stream);
};

const cross: Seq2SeqArchitecture['cross'] = (modelConfig, weights, hidden) => {
  const { decoder } = bartConfig(modelConfig);
  return crossLayers(weights, hidden, decoder, (layer) => {
    const name = `${prefixOf(weights)}decoder.layers.${layer}.encoder_attn`;
    return [`${name}.k_proj`, `${name}.v_proj`];
  });
};

const decode: Seq2SeqArchitecture['decode'] = (modelConfig, weights, input) => {
  const config = bartConfig(modelConfig);
  const { parts = {} } = input;
  const stack = stackOf(config, weights, 'decoder', parts, input.tap);
  const attend = parts.attention ?? selfAttention;
  const attendAcross = parts.crossAttention ?? crossAttention;
  const watched = looksWithin(input.tap);
  const keys: Tensor[] = [];
  const values: Tensor[] = [];

  let stream = stack.embed(input.ids, input.positions); // [rows, sequence, hidden]
  for (let layer = 0; layer < config.decoder.layers; layer++) {
    const { show, name, around } = stack.block(layer);
    stream = around('middle', stream, `${name}.self_attn_layer_norm`, (x) => {
      const attended = attend({
        config: config.decoder,
        ...layerInput(input, layer, (part, tensor) => show(`attention.${part}`, tensor)),
        qkv: stack.projections(show('attention.input', x), `${name}.self_attn`),
        positions: stack.positions,
      });
      keys.push(attended.key);
      values.push(attended.value);
      const heads = show('attention.heads', attended.output); // [rows, sequence, hidden]
      return show('attention.output', linear(weights, heads, `${name}.self_attn.out_proj`));
    });
    stream = around('crossMiddle', stream, `${name}.encoder_attn_layer_norm`, (x) => {
      const heads = attendAcross({
        config: config.decoder,
        layer,
        query: linear(weights, show('crossAttention.input', x), `${name}.encoder_attn.q_proj`),
        key: show('crossAttention.key', input.cross.keys[layer]!),
        value: show('crossAttention.value', input.cross.values[layer]!),
        mask: input.cross.mask,
        tap: (part, tensor) => show(`crossAttention.${part}`, tensor),
        watched,
      });
      const output = linear(weights, show('crossAttention.heads', heads), `${name}.encoder_attn.out_proj`);
      return show('crossAttention.output', output);
    });
    stream = around('residual', stream, `${name}.final_layer_norm`, (x) => stack.mlp(layer, x));
  }

  const hidden = stack.last(stream);
  const head = weights.has('lm_head.weight') ? 'lm_head.weight' : embeddings(weights);
  const products = weights.linear(wanted(hidden, input.logitsAt ?? 'all'), head);
  const bias = 'final_logits_bias'; // [1, vocabulary]
  const logits = weights.has(bias) ? add(products, reshape(weights.get(bias), [-1])) : products;
  return { logits: shower(input.tap)('logits', logits), hidden, keys, values };
};

/** What encoder and decoder have alike: embeddings, norms, MLPs, and where they show their activations. */
function stackOf(
  config: BartConfig,
  weights: WeightSource,
  half: 'encoder' | 'decoder',
  parts: Partial<Seq2SeqParts>,
  tap: Tap | undefined,
) {
  const numbers: DecoderConfig = config[half];
  const prefix = `${prefixOf(weights)}${half}`;
  const show = shower(tap);
  const norm = parts.norm ?? layerNormalisation;
  const normWeights = (name: string) => ({
    gain: weights.get(`${name}.weight`, [numbers.hidden]),
    bias: weights.get(`${name}.bias`, [numbers.hidden]),
    epsilon: numbers.epsilon,
  });
  const normed = (x: Tensor, name: string): Tensor => {
    const { gain, ...options } = normWeights(name);
    return norm(x, gain, options);
  };
  const positions =
    exchangedPositions(half === 'encoder' ? parts.encoderPositions : parts.positions, {
      bidirectional: half === 'encoder',
    }) ??
    (config.positions === 'learned'
      ? learnedPositions(weights, `${prefix}.embed_positions.weight`, 2, numbers.contextLength + 2)
      : sinusoidalPositions(numbers.contextLength, numbers.hidden));
  return {
    positions,
    embed(ids: Tensor, positionIds: Tensor): Tensor {
      const words = weights.embedding(ids, embeddings(weights), numbers.vocabulary);
      const scaled = config.embeddingScale === 1 ? words : mul(words, config.embeddingScale);
      const placed = positions.embed ? positions.embed(scaled, positionIds) : scaled;
      return show(`${half}.embedding`, config.embeddingNorm ? normed(placed, `${prefix}.layernorm_embedding`) : placed);
    },
    block(layer: number) {
      const shown = (name: string, tensor: Tensor) => show(`${half}.blocks.${layer}.${name}`, tensor);
      return {
        name: `${prefix}.layers.${layer}`,
        show: shown,
        /** norm(stream + sublayer(stream)), or stream + sublayer(norm(stream)); shown under `as`. */
        around(as: string, stream: Tensor, name: string, sublayer: (x: Tensor) => Tensor): Tensor {
          if (config.preNorm) return shown(as, add(stream, sublayer(normed(stream, name))));
          return shown(as, addNorm(stream, sublayer(stream), norm, normWeights(name), (sum) => sum).normed);
        },
      };
    },
    /** Queries, keys and values beside each other. */
    projections(x: Tensor, name: string): Tensor {
      const three = ['q_proj', 'k_proj', 'v_proj'].map((part) => `${name}.${part}`);
      return weights.linear(
        x,
        three.map((part) => `${part}.weight`),
        three.map((part) => `${part}.bias`),
      );
    },
    mlp(layer: number, x: Tensor): Tensor {
      const shown = (part: string, tensor: Tensor) => show(`${half}.blocks.${layer}.mlp.${part}`, tensor);
      const mlp = parts.mlp ?? bartMlp;
      const given = { config: numbers, layer, x: shown('input', x), weights, prefix: `${prefix}.layers.${layer}` };
      return shown('output', mlp({ ...given, tap: shown }));
    },
    /** The last hidden states. */
    last: (stream: Tensor) => show(`${half}.norm`, config.preNorm ? normed(stream, `${prefix}.layer_norm`) : stream),
  };
}

/** fc2(activation(fc1(x))) */
export const bartMlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const gate = tap('gate', linear(weights, x, `${prefix}.fc1`)); // [rows, sequence, intermediate]
  const hidden = tap('hidden', activationOf(config.activation, 'BART')(gate));
  return linear(weights, hidden, `${prefix}.fc2`);
};

/** A checkpoint of the bare model names its weights without `model.`. */
const prefixOf = (weights: WeightSource): string => (weights.has('model.encoder.layers.0.fc1.weight') ? 'model.' : '');

/** The table that both halves and the head share. */
function embeddings(weights: WeightSource): string {
  const prefix = prefixOf(weights);
  const shared = `${prefix}shared.weight`;
  return weights.has(shared) ? shared : `${prefix}encoder.embed_tokens.weight`;
}

export const bartArchitecture = seq2seqArchitecture(bartTypes, { seq2seqConfig: bartConfig, encode, cross, decode });
