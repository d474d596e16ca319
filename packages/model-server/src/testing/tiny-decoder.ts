/** A small Llama with random weights, a byte a token, in a folder as save_pretrained writes it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { safetensorsFile } from '@working-papers/models';
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

/** GPT-2's characters for bytes: those that can be seen are themselves, the others follow from U+0100 on. */
function byteCharacters(): string[] {
  const seen = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(seen(byte) ? byte : next++));
}

const tokenizer = {
  version: '1.0',
  added_tokens: specials.map((content, index) => ({
    id: 256 + index,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(byteCharacters().map((character, byte) => [character, byte])),
    merges: [],
  },
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
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': { eos_token: '<|im_end|>', chat_template: template },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  return folder;
}
