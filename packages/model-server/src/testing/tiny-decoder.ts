/** A small Llama with random weights, a byte a token, in a folder as save_pretrained writes it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byteTokenizer, safetensorsFile } from '@working-papers/models';
import { randomLlama } from '@working-papers/models/testing';

/** Bytes, then the special tokens. */
const specials = ['<|im_start|>', '<|im_end|>'];
const vocabulary = 256 + specials.length;

const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: vocabulary,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  hidden_act: 'silu',
};

/** ChatML, with Hermes' form of tools where there are any. */
const chatTemplate = `{%- if tools %}<|im_start|>system
Call one of {{ tools | tojson }} as <tool_call>{"name": ..., "arguments": ...}</tool_call>.<|im_end|>
{% endif -%}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}`;

export async function writeTinyDecoder(
  folder: string,
  { template = chatTemplate }: { template?: string | undefined } = {},
) {
  await mkdir(folder, { recursive: true });
  const weights = [...randomLlama(config).values()].map((weight) => ({ ...weight, type: 'F32' as const }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsFile(weights)) chunks.push(chunk);
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat(chunks));
  const files = {
    'config.json': config,
    'tokenizer.json': byteTokenizer(specials),
    'tokenizer_config.json': { eos_token: '<|im_end|>', chat_template: template },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  return folder;
}
