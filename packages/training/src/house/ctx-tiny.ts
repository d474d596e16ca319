/**
 * `ctx-tiny`: a Llama of 1.8 million parameters over bytes that never sees more than 256 of them and can say what it was told. It learns by a
 * curriculum of length and task; recall does not come from long texts at once.
 */
import { checkConfig } from '@working-papers/models';
import type { DecoderRecipe } from './decoder.ts';
import { keyValueText, passkeyText, proseText, repeatsText } from './recall-tasks.ts';

/** After the bytes. None of them stands in what the model learns from. */
export const specials = ['<|end|>', '<|pad|>', '<|one|>', '<|two|>'] as const;

export const ctxTiny: DecoderRecipe = {
  config: checkConfig(
    {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 256 + specials.length,
      hidden_size: 192,
      intermediate_size: 512,
      num_hidden_layers: 4,
      num_attention_heads: 6,
      num_key_value_heads: 6,
      max_position_embeddings: 256,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      tie_word_embeddings: true,
      hidden_act: 'silu',
    },
    'ctx-tiny',
  ),
  rate: 2e-3,
  curriculum: (steps) => [
    {
      until: Math.min(600, steps),
      rows: 64,
      length: 64,
      tasks: [
        [repeatsText, 0.5],
        [keyValueText, 0.3],
        [proseText, 0.2],
      ],
    },
    {
      until: Math.min(1100, steps),
      rows: 32,
      length: 128,
      tasks: [
        [repeatsText, 0.2],
        [keyValueText, 0.3],
        [passkeyText, 0.3],
        [proseText, 0.2],
      ],
    },
    {
      until: steps,
      rows: 32,
      length: 256,
      tasks: [
        [repeatsText, 0.1],
        [keyValueText, 0.2],
        [passkeyText, 0.3],
        [proseText, 0.4],
      ],
    },
  ],
};
