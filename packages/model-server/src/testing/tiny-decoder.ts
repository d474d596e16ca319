/** A small Llama with random weights, a byte a token, in a folder as save_pretrained writes it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SafetensorsTensor, safetensorsFile, seededUniform } from '@working-papers/models';

const [hidden, inner, layers, heads, kvHeads] = [64, 128, 2, 4, 2];
/** Bytes, then the special tokens. */
const specials = ['<|im_start|>', '<|im_end|>'];
const vocabulary = 256 + specials.length;

const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: inner,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
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

function tensors(): SafetensorsTensor[] {
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocabulary, hidden],
    'model.norm.weight': [hidden],
  };
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const width = (hidden / heads) * kvHeads;
    Object.assign(shapes, {
      [`${prefix}.input_layernorm.weight`]: [hidden],
      [`${prefix}.post_attention_layernorm.weight`]: [hidden],
      [`${prefix}.self_attn.q_proj.weight`]: [hidden, hidden],
      [`${prefix}.self_attn.k_proj.weight`]: [width, hidden],
      [`${prefix}.self_attn.v_proj.weight`]: [width, hidden],
      [`${prefix}.self_attn.o_proj.weight`]: [hidden, hidden],
      [`${prefix}.mlp.gate_proj.weight`]: [inner, hidden],
      [`${prefix}.mlp.up_proj.weight`]: [inner, hidden],
      [`${prefix}.mlp.down_proj.weight`]: [hidden, inner],
    });
  }
  return Object.entries(shapes).map(([name, shape], index) => ({
    name,
    type: 'F32',
    shape,
    bytes: async () => {
      const uniform = seededUniform(index + 1);
      const spread = shape.length === 2 ? 2 / Math.sqrt(shape[1]!) : 0.2;
      const centre = shape.length === 2 ? 0 : 1;
      const count = shape.reduce((product, size) => product * size, 1);
      return new Uint8Array(Float32Array.from({ length: count }, () => centre + (uniform() * 2 - 1) * spread).buffer);
    },
  }));
}

export async function writeTinyDecoder(
  folder: string,
  { template = chatTemplate }: { template?: string | undefined } = {},
) {
  await mkdir(folder, { recursive: true });
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsFile(tensors())) chunks.push(chunk);
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat(chunks));
  const files = {
    'config.json': config,
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': { eos_token: '<|im_end|>', chat_template: template },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  return folder;
}
