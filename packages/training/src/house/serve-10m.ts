/**
 * `serve-10m`: a Llama of 9.9 million parameters, 12 layers of which are enough to share and to skip, with 4,096 pieces of its own and a context
 * of 512. It reads prose and can say a number that it was told anywhere within that; recall comes by a curriculum, as ctx-tiny's does.
 */
import { checkConfig } from '@working-papers/models';
import type { DecoderRecipe } from './decoder.ts';
import { keyValueText, passkeyText, proseText, repeatsText } from './recall-tasks.ts';

/** The last pieces: between texts, and before shorter ones. */
export const specials = ['<|endoftext|>', '<|pad|>'] as const;
export const pieces = 4096;
export const context = 512;

/** Tokens of a step, in each phase. */
const tokens = 2048;

export const serve10m: DecoderRecipe = {
  config: checkConfig(
    {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: pieces,
      hidden_size: 256,
      intermediate_size: 704,
      num_hidden_layers: 12,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: context,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      tie_word_embeddings: true,
      hidden_act: 'silu',
      bos_token_id: pieces - 2,
      eos_token_id: pieces - 2,
      pad_token_id: pieces - 1,
    },
    'serve-10m',
  ),
  rate: 1e-3,
  // Twelve layers of so small a width hardly begin to copy from the usual 0.02.
  deviation: 0.05,
  // Texts of 64 pieces are where copying is learnt cheapest; each longer phase stretches it.
  curriculum: (steps) => [
    {
      until: Math.ceil(0.4 * steps),
      rows: tokens / 64,
      length: 64,
      tasks: [
        [repeatsText, 0.7],
        [keyValueText, 0.3],
      ],
    },
    {
      until: Math.ceil(0.54 * steps),
      rows: tokens / 128,
      length: 128,
      tasks: [
        [repeatsText, 0.2],
        [keyValueText, 0.3],
        [passkeyText, 0.3],
        [proseText, 0.2],
      ],
    },
    {
      until: Math.ceil(0.66 * steps),
      rows: tokens / 256,
      length: 256,
      tasks: [
        [repeatsText, 0.1],
        [keyValueText, 0.2],
        [passkeyText, 0.3],
        [proseText, 0.4],
      ],
    },
    {
      until: steps,
      rows: tokens / context,
      length: context,
      tasks: [
        [keyValueText, 0.1],
        [passkeyText, 0.25],
        [proseText, 0.65],
      ],
    },
  ],
};
