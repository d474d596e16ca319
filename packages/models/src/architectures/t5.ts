import { add, mul, split, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { given, looksWithin, shower } from './architecture.ts';
import { exchangedPositions } from './combinations.ts';
import { crossAttention, crossLayers } from './cross-attention.ts';
import { layerInput, wanted } from './decoder.ts';
import { type EncoderArchitecture, type EncoderParts, encoderAttention } from './encoder.ts';
import { paddingMask } from './masks.ts';
import type { DecoderConfig, Mlp, Norm, Positions } from './parts.ts';
import { places, relativePositions } from './positions.ts';
import { rmsNormalisation } from './residual.ts';
import { selfAttention } from './self-attention.ts';
import { type Seq2SeqArchitecture, type Seq2SeqParts, seq2seqArchitecture } from './seq2seq.ts';
import { type T5Config, t5Config, t5Types } from './t5-config.ts';

/**
 * T5 (arXiv 1910.10683): an encoder and a decoder of pre-norm blocks without biases, scores unscaled, places known by a bias of
 * their distance alone. Version 1.1 gates its MLP and has a head of its own; umT5 has a bias in each layer. Names of weights
 * are those of Hugging Face's T5ForConditionalGeneration.
 */
const encode: Seq2SeqArchitecture['encode'] = (modelConfig, weights, { ids, positions, mask, parts = {}, tap }) => {
  const config = t5Config(modelConfig);
  const stack = stackOf(config, weights, 'encoder', parts, tap);
  const attend = parts.encoderAttention ?? encoderAttention;
  let stream = stack.embed(ids); // [rows, sequence, hidden]
  for (let layer = 0; layer < config.encoder.layers; layer++) {
    const { show, name } = stack.block(layer);
    const input = show('attention.input', stack.norm(stream, `${name}.layer.0.layer_norm`));
    const joined = weights.linear(
      input,
      ['q', 'k', 'v'].map((part) => `${name}.layer.0.SelfAttention.${part}.weight`),
    ); // [rows, sequence, 3 heads headDim]
    const width = config.encoder.heads * config.encoder.headDim;
    const [query, key, value] = split(joined, [width, width, width], -1) as [Tensor, Tensor, Tensor];
    const heads = attend({
      config: config.encoder,
      layer,
      query: show('attention.query', query),
      key: show('attention.key', key),
      value: show('attention.value', value),
      positions: stack.positions(config.biasOfLayer ? layer : 0),
      positionIds: positions,
      mask,
      tap: (part, tensor) => show(`attention.${part}`, tensor),
      watched: looksWithin(tap),
    });
    const attention = weights.linear(show('attention.heads', heads), `${name}.layer.0.SelfAttention.o.weight`);
    stream = show('middle', add(stream, show('attention.output', attention)));
    stream = show('residual', add(stream, stack.mlp(layer, stream, `${name}.layer.1`)));
  }
  return stack.last(stream);
};

const cross: Seq2SeqArchitecture['cross'] = (modelConfig, weights, hidden) => {
  const { decoder } = t5Config(modelConfig);
  return crossLayers(weights, hidden, decoder, (layer) => {
    const name = `decoder.block.${layer}.layer.1.EncDecAttention`;
    return [`${name}.k`, `${name}.v`];
  });
};

const decode: Seq2SeqArchitecture['decode'] = (modelConfig, weights, input) => {
  const config = t5Config(modelConfig);
  const { parts = {} } = input;
  const stack = stackOf(config, weights, 'decoder', parts, input.tap);
  const attend = parts.attention ?? selfAttention;
  const attendAcross = parts.crossAttention ?? crossAttention;
  const watched = looksWithin(input.tap);
  const keys: Tensor[] = [];
  const values: Tensor[] = [];

  let stream = stack.embed(input.ids); // [rows, sequence, hidden]
  for (let layer = 0; layer < config.decoder.layers; layer++) {
    const { show, name } = stack.block(layer);
    const own = show('attention.input', stack.norm(stream, `${name}.layer.0.layer_norm`));
    const attended = attend({
      config: config.decoder,
      ...layerInput(input, layer, (part, tensor) => show(`attention.${part}`, tensor)),
      qkv: weights.linear(
        own,
        ['q', 'k', 'v'].map((part) => `${name}.layer.0.SelfAttention.${part}.weight`),
      ),
      positions: stack.positions(config.biasOfLayer ? layer : 0),
    });
    keys.push(attended.key);
    values.push(attended.value);
    const heads = show('attention.heads', attended.output); // [rows, sequence, heads headDim]
    const attention = weights.linear(heads, `${name}.layer.0.SelfAttention.o.weight`);
    stream = show('middle', add(stream, show('attention.output', attention)));

    const other = show('crossAttention.input', stack.norm(stream, `${name}.layer.1.layer_norm`));
    const across = attendAcross({
      config: config.decoder,
      layer,
      query: weights.linear(other, `${name}.layer.1.EncDecAttention.q.weight`),
      key: show('crossAttention.key', input.cross.keys[layer]!),
      value: show('crossAttention.value', input.cross.values[layer]!),
      mask: input.cross.mask,
      tap: (part, tensor) => show(`crossAttention.${part}`, tensor),
      watched,
    });
    const seen = weights.linear(show('crossAttention.heads', across), `${name}.layer.1.EncDecAttention.o.weight`);
    stream = show('crossMiddle', add(stream, show('crossAttention.output', seen)));
    stream = show('residual', add(stream, stack.mlp(layer, stream, `${name}.layer.2`)));
  }

  const hidden = stack.last(stream);
  const last = wanted(hidden, input.logitsAt ?? 'all');
  const scaled = config.headScale === 1 ? last : mul(last, config.headScale);
  const head = weights.has('lm_head.weight') ? 'lm_head.weight' : embeddings(weights);
  return { logits: shower(input.tap)('logits', weights.linear(scaled, head)), hidden, keys, values };
};

/** What encoder and decoder have alike: embeddings, norms, MLPs, and where they show their activations. */
function stackOf(
  config: T5Config,
  weights: WeightSource,
  half: 'encoder' | 'decoder',
  parts: Partial<Seq2SeqParts>,
  tap: Tap | undefined,
) {
  const numbers: DecoderConfig = config[half];
  const { hidden, epsilon } = numbers;
  const show = shower(tap);
  const apply: Norm = parts.norm ?? rmsNormalisation;
  const norm = (x: Tensor, name: string): Tensor => apply(x, weights.get(`${name}.weight`, [hidden]), { epsilon });
  const exchanged = exchangedPositions(half === 'encoder' ? parts.encoderPositions : parts.positions, {
    bidirectional: half === 'encoder',
  });
  const known = new Map<number, Positions>();
  return {
    norm,
    embed: (ids: Tensor) => show(`${half}.embedding`, weights.embedding(ids, embeddings(weights), numbers.vocabulary)),
    block: (layer: number) => ({
      name: `${half}.block.${layer}`,
      show: (name: string, tensor: Tensor) => show(`${half}.blocks.${layer}.${name}`, tensor),
    }),
    /** The relative bias of a layer. */
    positions(layer: number): Positions {
      if (exchanged) return exchanged;
      let positions = known.get(layer);
      if (!positions) {
        const name = `${half}.block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`;
        positions = relativePositions(weights.get(name, [config.buckets.buckets, numbers.heads]), {
          ...config.buckets,
          bidirectional: half === 'encoder',
        });
        known.set(layer, positions);
      }
      return positions;
    },
    /** What the MLP of a block adds to the stream. */
    mlp(layer: number, stream: Tensor, name: string): Tensor {
      const shown = (part: string, tensor: Tensor) => show(`${half}.blocks.${layer}.mlp.${part}`, tensor);
      const x = shown('input', norm(stream, `${name}.layer_norm`));
      const mlp = parts.mlp ?? t5Mlp;
      return shown('output', mlp({ config: numbers, layer, x, weights, prefix: `${name}.DenseReluDense`, tap: shown }));
    },
    /** The last hidden states. */
    last: (stream: Tensor) => show(`${half}.norm`, norm(stream, `${half}.final_layer_norm`)),
  };
}

/** wo(activation(wi(x))), or wo(activation(wi_0(x)) * wi_1(x)) (GLU variants, arXiv 2002.05202: GEGLU). */
export const t5Mlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const activate = activationOf(config.activation, 'T5');
  const out = `${prefix}.wo.weight`;
  if (weights.has(`${prefix}.wi.weight`)) {
    const gate = tap('gate', weights.linear(x, `${prefix}.wi.weight`)); // [rows, sequence, intermediate]
    return weights.linear(tap('hidden', activate(gate)), out);
  }
  const both = weights.linear(x, [`${prefix}.wi_0.weight`, `${prefix}.wi_1.weight`]);
  const [gate, up] = split(both, [config.intermediate, config.intermediate], -1) as [Tensor, Tensor];
  const hidden = mul(activate(tap('gate', gate)), tap('up', up));
  return weights.linear(tap('hidden', hidden), out);
};

/** The table that both halves share; an encoder alone may have it under its own name. */
const embeddings = (weights: WeightSource): string =>
  weights.has('shared.weight') ? 'shared.weight' : 'encoder.embed_tokens.weight';

export const t5Architecture = seq2seqArchitecture(t5Types, { seq2seqConfig: t5Config, encode, cross, decode });

/** The encoder alone (T5EncoderModel). */
export const t5EncoderArchitecture: EncoderArchitecture = {
  kind: 'encoder',
  types: ['t5'],
  fits: (config: ModelConfig) => config.architectures?.[0]?.endsWith('EncoderModel') ?? false,
  encoderConfig: (config) => t5Config(config).encoder,
  head: () => undefined,
  headShapes() {
    throw new Error('The encoder of a T5 has no heads. Take a BERT or one of its kin.');
  },
  build: (config, weights, { ids, positions, mask, parts, tap }) => ({
    hidden: encode(config, weights, { ids, positions, mask, tap, parts: withEncoderAttention(parts) }),
  }),
  facts: (config) => t5Config(config).encoder,
  inputs: () => ({ required: ['ids'], optional: ['mask', 'positions'] }),
  forward(config, weights, inputs, { tap, parts }) {
    const ids = given(inputs, 'ids', config.model_type);
    const hidden = encode(config, weights, {
      ids,
      positions: inputs.positions ?? places(ids),
      mask: inputs.mask && paddingMask(inputs.mask),
      tap,
      parts: withEncoderAttention(parts as Partial<EncoderParts> | undefined),
    });
    return { hidden };
  },
};

const withEncoderAttention = (parts: Partial<EncoderParts> | undefined): Partial<Seq2SeqParts> =>
  parts?.attention ? { encoderAttention: parts.attention } : {};
