/**
 * How llama.cpp lays out the architectures that are read and written here: names of tensors (`TENSOR_NAMES` in gguf-py's
 * constants.py, tied to Hugging Face's by tensor_mapping.py), and what its converter (the folder `conversion`) does to their rows.
 */
import type { ModelConfig } from './types.ts';

/** Names of one kind of block: `blk.3.attn_q` is `model.layers.3.self_attn.q_proj`. */
interface BlockNames {
  /** What Hugging Face puts before the number of a block. */
  prefix: string;
  names: Readonly<Record<string, string>>;
}

/** Rows `[outer, first, second, inner]` that lie as `[outer, second, first, inner]` in the other format. */
export interface RowSwap {
  outer: number;
  first: number;
  second: number;
  inner: number;
}

export interface GgufLayout {
  /** Values of `model_type` that are written so; a file is read as the first. */
  modelTypes: readonly [string, ...string[]];
  /** Hugging Face's class with a head, by which transformers opens what is saved. */
  className: string;
  /** Tensors outside of blocks, by llama.cpp's name. */
  whole: Readonly<Record<string, string>>;
  /** By what llama.cpp puts before the number of a block. */
  blocks: Readonly<Record<string, BlockNames>>;
  /** What some checkpoints leave out at the beginning of Hugging Face's names. */
  base?: string;
  /** Hugging Face's tensors that llama.cpp has no use for. */
  unused?: RegExp;
  /** Whether the matrix is kept as `[in, out]` by Hugging Face and as `[out, in]` by llama.cpp. */
  transposed?: RegExp;
  /** How the rows of a tensor of this name (llama.cpp's) lie in Hugging Face's files, where the two differ. */
  rowsOf?(name: string, config: ModelConfig): RowSwap | undefined;
  /** llama.cpp opens no file without a head of its own, even where the model's is tied to the embedding. */
  needsHead?: boolean;
}

const llamaBlock = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const llamaLayout = {
  whole: { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' },
  blocks: { blk: { prefix: 'model.layers', names: llamaBlock } },
  unused: /\.rotary_emb\.inv_freq$/,
};

/**
 * `permute` in conversion/llama.py: the two halves of each head come to lie side by side, for a rotary embedding that turns
 * neighbours.
 */
function halvesOfHeads(name: string, config: ModelConfig): RowSwap | undefined {
  const kind = /\.attn_([qk])\.(weight|bias)$/.exec(name)?.[1];
  if (kind === undefined) return undefined;
  const heads = config.num_attention_heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  const outer = kind === 'q' ? heads : (config.num_key_value_heads ?? heads);
  return { outer, first: 2, second: headDim / 2, inner: 1 };
}

const t5Attention = (layer: number, kind: string, at: string, out = 'o') => ({
  [`${at}_norm`]: `layer.${layer}.layer_norm`,
  [`${at}_q`]: `layer.${layer}.${kind}.q`,
  [`${at}_k`]: `layer.${layer}.${kind}.k`,
  [`${at}_v`]: `layer.${layer}.${kind}.v`,
  [`${at}_${out}`]: `layer.${layer}.${kind}.o`,
  [`${at}_rel_b`]: `layer.${layer}.${kind}.relative_attention_bias`,
});

const t5Mlp = (layer: number) => ({
  ffn_norm: `layer.${layer}.layer_norm`,
  ffn_gate: `layer.${layer}.DenseReluDense.wi_0`,
  ffn_up: `layer.${layer}.DenseReluDense.wi_1`,
  ffn_down: `layer.${layer}.DenseReluDense.wo`,
});

const t5Encoder = { prefix: 'encoder.block', names: { ...t5Attention(0, 'SelfAttention', 'attn'), ...t5Mlp(1) } };
const t5Decoder = {
  prefix: 'decoder.block',
  names: {
    ...t5Attention(0, 'SelfAttention', 'attn'),
    ...t5Attention(1, 'EncDecAttention', 'cross_attn'),
    ...t5Mlp(2),
  },
};
/** Further names of the one table of tokens. */
const t5Tables = /^(en|de)coder\.embed_tokens\.weight$/;

/** By `general.architecture`. */
export const ggufLayouts: Readonly<Record<string, GgufLayout>> = {
  llama: {
    ...llamaLayout,
    modelTypes: ['llama', 'mistral'],
    className: 'LlamaForCausalLM',
    rowsOf: halvesOfHeads,
  },
  smollm3: { ...llamaLayout, modelTypes: ['smollm3'], className: 'SmolLM3ForCausalLM', rowsOf: halvesOfHeads },
  qwen2: { ...llamaLayout, modelTypes: ['qwen2'], className: 'Qwen2ForCausalLM' },
  qwen3: {
    ...llamaLayout,
    modelTypes: ['qwen3'],
    className: 'Qwen3ForCausalLM',
    blocks: {
      blk: {
        prefix: 'model.layers',
        names: { ...llamaBlock, attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' },
      },
    },
  },
  gpt2: {
    modelTypes: ['gpt2'],
    className: 'GPT2LMHeadModel',
    base: 'transformer.',
    whole: {
      token_embd: 'transformer.wte',
      position_embd: 'transformer.wpe',
      output_norm: 'transformer.ln_f',
      output: 'lm_head',
    },
    blocks: {
      blk: {
        prefix: 'transformer.h',
        names: {
          attn_norm: 'ln_1',
          ffn_norm: 'ln_2',
          attn_qkv: 'attn.c_attn',
          attn_output: 'attn.c_proj',
          ffn_up: 'mlp.c_fc',
          ffn_down: 'mlp.c_proj',
        },
      },
    },
    unused: /\.attn\.(masked_)?bias$/,
    transposed: /\.(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/,
  },
  gptneox: {
    modelTypes: ['gpt_neox'],
    className: 'GPTNeoXForCausalLM',
    whole: { token_embd: 'gpt_neox.embed_in', output_norm: 'gpt_neox.final_layer_norm', output: 'embed_out' },
    blocks: {
      blk: {
        prefix: 'gpt_neox.layers',
        names: {
          attn_norm: 'input_layernorm',
          ffn_norm: 'post_attention_layernorm',
          attn_qkv: 'attention.query_key_value',
          attn_output: 'attention.dense',
          ffn_up: 'mlp.dense_h_to_4h',
          ffn_down: 'mlp.dense_4h_to_h',
        },
      },
    },
    unused: /\.attention\.(masked_bias|bias|rotary_emb\.inv_freq)$/,
    needsHead: true,
    // Hugging Face has query, key and value of a head together; llama.cpp all queries, then all keys, then all values.
    rowsOf: (name, { num_attention_heads: heads, hidden_size: hidden }) =>
      /\.attn_qkv\.(weight|bias)$/.test(name)
        ? { outer: 1, first: heads, second: 3, inner: hidden / heads }
        : undefined,
  },
  bert: {
    modelTypes: ['bert'],
    className: 'BertModel',
    base: 'bert.',
    whole: {
      token_embd: 'bert.embeddings.word_embeddings',
      position_embd: 'bert.embeddings.position_embeddings',
      token_types: 'bert.embeddings.token_type_embeddings',
      token_embd_norm: 'bert.embeddings.LayerNorm',
    },
    blocks: {
      blk: {
        prefix: 'bert.encoder.layer',
        names: {
          attn_q: 'attention.self.query',
          attn_k: 'attention.self.key',
          attn_v: 'attention.self.value',
          attn_output: 'attention.output.dense',
          attn_output_norm: 'attention.output.LayerNorm',
          ffn_up: 'intermediate.dense',
          ffn_down: 'output.dense',
          layer_output_norm: 'output.LayerNorm',
        },
      },
    },
    unused:
      /^(bert\.)?(embeddings\.position_ids|pooler\.dense\.(weight|bias)|cls\.(predictions|seq_relationship)\..*)$/,
  },
  t5: {
    modelTypes: ['t5', 'mt5', 'umt5'],
    className: 'T5ForConditionalGeneration',
    whole: {
      token_embd: 'shared',
      'enc.output_norm': 'encoder.final_layer_norm',
      'dec.output_norm': 'decoder.final_layer_norm',
      output: 'lm_head',
    },
    blocks: { 'enc.blk': t5Encoder, 'dec.blk': t5Decoder },
    unused: t5Tables,
  },
  t5encoder: {
    modelTypes: ['t5', 'mt5', 'umt5'],
    className: 'T5EncoderModel',
    whole: { token_embd: 'shared', 'enc.output_norm': 'encoder.final_layer_norm' },
    blocks: { 'enc.blk': t5Encoder },
    unused: t5Tables,
  },
};
