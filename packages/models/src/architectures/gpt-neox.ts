import { add, type Dimension, reshape, type Tensor, transpose } from '@working-papers/graph';
import { attentionFactor } from '../formats/rope-scaling.ts';
import type { ModelConfig } from '../formats/types.ts';
import { activationOf } from './activations.ts';
import { shower } from './architecture.ts';
import { exchangedPositions, refuseWindow } from './combinations.ts';
import {
  type Decoder,
  type DecoderHead,
  decoderArchitecture,
  decoderConfigOf,
  embedded,
  headOf,
  lastRows,
  layerInput,
  wanted,
} from './decoder.ts';
import { linear } from './linear.ts';
import type { DecoderConfig, DecoderParts, Mlp } from './parts.ts';
import { rotaryPositions } from './positions.ts';
import { layerNormalisation } from './residual.ts';
import { type RotaryFrequencies, rotaryFrequencies } from './rotary.ts';
import { selfAttention } from './self-attention.ts';

export interface GptNeoXConfig extends DecoderConfig {
  rotary: RotaryFrequencies;
  tiedHead: boolean;
  /** Attention and MLP both read the stream before the block (GPT-J); otherwise one after the other. */
  parallel: boolean;
}

export function gptNeoXConfig(config: ModelConfig): GptNeoXConfig {
  refuseWindow(config, 'sees all tokens before');
  const whole = decoderConfigOf(config, 'GPT-NeoX', { activation: 'gelu', contextLength: 2048 });
  const { headDim } = whole;
  const share = typeof config.rotary_pct === 'number' ? config.rotary_pct : 0.25;
  const turned = Math.floor(headDim * share);
  if (turned < 2 || turned > headDim || turned % 2 !== 0) {
    throw new Error(
      `rotary_pct ${share} turns ${turned} of ${headDim} dimensions of a head; it must be an even number.`,
    );
  }
  const factor = attentionFactor(config);
  if (factor !== 1 && turned < headDim) {
    throw new Error(
      `rope_scaling multiplies what is turned by ${factor}, which is built for heads that turn as a whole; rotary_pct ${share} turns a part.`,
    );
  }
  const theta = config.rope_theta ?? (config.rotary_emb_base as number | undefined) ?? 10000;
  return {
    ...whole,
    rotary: rotaryFrequencies({ ...config, rope_theta: theta }, turned),
    ...(factor === 1 ? {} : { scale: factor ** 2 / Math.sqrt(headDim) }),
    tiedHead: config.tie_word_embeddings ?? false,
    parallel: config.use_parallel_residual !== false,
  };
}

/**
 * GPT-NeoX (arXiv 2204.06745), which Pythia is: attention and MLP beside each other on one stream, a part of each head
 * rotated. Names of weights are those of Hugging Face's GPTNeoXForCausalLM.
 */
export const gptNeoX: Decoder = (modelConfig, weights, input) => {
  const config = gptNeoXConfig(modelConfig);
  const parts: DecoderParts = {
    attention: input.parts?.attention ?? selfAttention,
    positions:
      exchangedPositions(input.parts?.positions) ??
      rotaryPositions(config.rotary, config.contextLength, config.headDim),
    mlp: input.parts?.mlp ?? plainMlp,
    norm: input.parts?.norm ?? layerNormalisation,
  };
  const tap = shower(input.tap);
  const norm = (x: Tensor, name: string) =>
    parts.norm(x, weights.get(`${name}.weight`, [config.hidden]), {
      bias: weights.get(`${name}.bias`, [config.hidden]),
      epsilon: config.epsilon,
    });

  let stream = tap('embedding', embedded(weights, input, 'gpt_neox.embed_in.weight', config)); // [rows, sequence, hidden]
  const keys: Tensor[] = [];
  const values: Tensor[] = [];
  const cut = lastRows(input);
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const prefix = `gpt_neox.layers.${layer}`;
    const attended = parts.attention({
      config,
      ...layerInput(input, layer, (name, tensor) => tap(`${block}.attention.${name}`, tensor)),
      qkv: kindsApart(
        linear(
          weights,
          tap(`${block}.attention.input`, norm(stream, `${prefix}.input_layernorm`)),
          `${prefix}.attention.query_key_value`,
        ),
        config,
      ), // [rows, sequence, 3 hidden]
      positions: parts.positions,
    });
    keys.push(attended.key);
    values.push(attended.value);
    let heads = tap(`${block}.attention.heads`, attended.output);
    if (layer === config.layers - 1 && cut) [stream, heads] = [cut(stream), cut(heads)];
    const attention = tap(`${block}.attention.output`, linear(weights, heads, `${prefix}.attention.dense`));
    const middle = tap(`${block}.middle`, add(stream, attention));
    const mlp = parts.mlp({
      config,
      layer,
      x: tap(`${block}.mlp.input`, norm(config.parallel ? stream : middle, `${prefix}.post_attention_layernorm`)),
      weights,
      prefix: `${prefix}.mlp`,
      tap: (name, tensor) => tap(`${block}.mlp.${name}`, tensor),
    });
    stream = tap(`${block}.residual`, add(middle, tap(`${block}.mlp.output`, mlp)));
  }

  const hidden = tap('norm', norm(stream, 'gpt_neox.final_layer_norm'));
  const logits = tap(
    'logits',
    gptNeoXHead(modelConfig, weights)(cut ? hidden : wanted(hidden, input.logitsAt ?? 'all')),
  );
  return { logits, hidden, keys, values };
};

const gptNeoXHead: DecoderHead = (config, weights) =>
  headOf(weights, gptNeoXConfig(config).tiedHead, 'embed_out.weight', 'gpt_neox.embed_in.weight');

/** `[rows, sequence, heads, 3, headDim]`, as the checkpoint has them, to all queries, then all keys, then all values. */
function kindsApart(qkv: Tensor, { heads, headDim }: GptNeoXConfig): Tensor {
  const [rows, sequence] = qkv.shape as [Dimension, Dimension];
  const apart = transpose(reshape(qkv, [rows, sequence, heads, 3, headDim]), [0, 1, 3, 2, 4]);
  return reshape(apart, [rows, sequence, 3 * heads * headDim]);
}

/** dense_4h_to_h(activation(dense_h_to_4h(x))). */
const plainMlp: Mlp = ({ config, x, weights, prefix, tap }) => {
  const inner = tap('gate', linear(weights, x, `${prefix}.dense_h_to_4h`));
  const hidden = tap('hidden', activationOf(config.activation, 'GPT-NeoX')(inner)); // [rows, sequence, intermediate]
  return linear(weights, hidden, `${prefix}.dense_4h_to_h`);
};

export const gptNeoXArchitecture = decoderArchitecture(['gpt_neox'], gptNeoXConfig, gptNeoX, gptNeoXHead);
