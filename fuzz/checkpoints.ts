/** Small whole checkpoints, written by the formats' descriptions: a Llama in GGUF, a BERT encoder in a Hugging Face folder. */

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const whole = (value: number) => [u32(4), u32(value)];
const real = (value: number) => [u32(6), f32(value)];
const string = (value: string) => [u32(8), text(value)];
const yes = [u32(7), Buffer.from([1])];
const list = (type: number, values: Buffer[]) => [u32(9), u32(type), u64(values.length), ...values];

const tokens = ['<s>', '</s>', ...'abcdefghijklmnopqrstuvwxyz', 'Ġ', 'ab', 'Ġa', '__proto__'];
const [hidden, heads, inner, layers] = [32, 4, 64, 1];

const metadata: Record<string, Buffer[]> = {
  'general.architecture': string('llama'),
  'general.alignment': whole(32),
  'llama.block_count': whole(layers),
  'llama.context_length': whole(64),
  'llama.embedding_length': whole(hidden),
  'llama.feed_forward_length': whole(inner),
  'llama.attention.head_count': whole(heads),
  'llama.attention.head_count_kv': whole(2),
  'llama.attention.layer_norm_rms_epsilon': real(1e-5),
  'tokenizer.ggml.model': string('gpt2'),
  'tokenizer.ggml.pre': string('smollm'),
  'tokenizer.ggml.tokens': list(8, tokens.map(text)),
  'tokenizer.ggml.token_type': list(
    5,
    tokens.map((_, id) => u32(id < 2 ? 3 : 1)),
  ),
  'tokenizer.ggml.merges': list(8, ['a b', 'Ġ a'].map(text)),
  'tokenizer.ggml.bos_token_id': whole(0),
  'tokenizer.ggml.eos_token_id': whole(1),
  'tokenizer.ggml.add_bos_token': yes,
  'tokenizer.chat_template': string('{% for m in messages %}{{ m.content }}{% endfor %}'),
};

/** Name, shape innermost first, ggml type (0: F32, 8: Q8_0). */
const ggufTensors: [string, number[], number][] = [
  ['token_embd.weight', [hidden, tokens.length], 8],
  ['output_norm.weight', [hidden], 0],
  ['blk.0.attn_norm.weight', [hidden], 0],
  ['blk.0.attn_q.weight', [hidden, hidden], 8],
  ['blk.0.attn_k.weight', [hidden, hidden / 2], 8],
  ['blk.0.attn_v.weight', [hidden, hidden / 2], 8],
  ['blk.0.attn_output.weight', [hidden, hidden], 8],
  ['blk.0.ffn_norm.weight', [hidden], 0],
  ['blk.0.ffn_gate.weight', [hidden, inner], 8],
  ['blk.0.ffn_up.weight', [hidden, inner], 8],
  ['blk.0.ffn_down.weight', [inner, hidden], 8],
];

/** The file's beginning, up to the tensors, and where these lie after it; before tensor `index` there are `gaps[index]` bytes. */
export function llamaGgufParts(gaps: Readonly<Record<number, number>> = {}): {
  header: Buffer;
  tensors: { name: string; offset: number; bytes: number; count: number; blocks: boolean }[];
} {
  let end = 0;
  const tensors = ggufTensors.map(([name, shape, type], index) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = type === 8 ? (count / 32) * 34 : count * 4;
    const offset = Math.ceil((end + (gaps[index] ?? 0)) / 32) * 32;
    end = offset + bytes;
    return { name, offset, bytes, count, blocks: type === 8 };
  });
  const table = ggufTensors.map(([name, shape, type], index) =>
    Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(tensors[index]!.offset)]),
  );
  const entries = Object.entries(metadata).map(([key, value]) => Buffer.concat([text(key), ...value]));
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(table.length),
    u64(entries.length),
    ...entries,
    ...table,
  ]);
  return { header: Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32)]), tensors };
}

export function llamaGguf(): Buffer {
  const { header, tensors } = llamaGgufParts();
  const { offset, bytes } = tensors.at(-1)!;
  return Buffer.concat([header, Buffer.alloc(Math.ceil((offset + bytes) / 32) * 32)]);
}

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'sea', ',', '##s', 'un', '##know', '##able'];
const bertConfig = {
  model_type: 'bert',
  vocab_size: words.length,
  hidden_size: hidden,
  intermediate_size: inner,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  max_position_embeddings: 16,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

/** The files of a sentence encoder; what is no buffer is JSON. */
export function bertFolder(): Record<string, Buffer | object> {
  const special = (content: string, id: number) => ({
    id,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  });
  return {
    'config.json': bertConfig,
    'tokenizer.json': {
      version: '1.0',
      truncation: { max_length: 8, stride: 0, strategy: 'LongestFirst', direction: 'Right' },
      padding: null,
      added_tokens: words.slice(0, 4).map(special),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
        ],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
        special_tokens: {
          '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
          '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
        },
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
      },
    },
    'tokenizer_config.json': {
      cls_token: '[CLS]',
      sep_token: '[SEP]',
      pad_token: '[PAD]',
      unk_token: '[UNK]',
      model_max_length: 16,
    },
    'sentence_bert_config.json': { max_seq_length: 8 },
    'modules.json': [
      { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
    ],
    '1_Pooling/config.json': { word_embedding_dimension: hidden, pooling_mode_mean_tokens: true },
    'model.safetensors': safetensors(bertShapes()),
  };
}

export function bertShapes(): Record<string, number[]> {
  const shapes: Record<string, number[]> = {
    'embeddings.word_embeddings.weight': [words.length, hidden],
    'embeddings.position_embeddings.weight': [bertConfig.max_position_embeddings, hidden],
    'embeddings.token_type_embeddings.weight': [2, hidden],
    'embeddings.LayerNorm.weight': [hidden],
    'embeddings.LayerNorm.bias': [hidden],
  };
  const dense: [string, number, number][] = [
    ['attention.self.query', hidden, hidden],
    ['attention.self.key', hidden, hidden],
    ['attention.self.value', hidden, hidden],
    ['attention.output.dense', hidden, hidden],
    ['intermediate.dense', inner, hidden],
    ['output.dense', hidden, inner],
  ];
  for (const [name, rows, columns] of dense) {
    shapes[`encoder.layer.0.${name}.weight`] = [rows, columns];
    shapes[`encoder.layer.0.${name}.bias`] = [rows];
  }
  for (const name of ['attention.output.LayerNorm', 'output.LayerNorm']) {
    shapes[`encoder.layer.0.${name}.weight`] = [hidden];
    shapes[`encoder.layer.0.${name}.bias`] = [hidden];
  }
  return shapes;
}

/** The same encoder in two shards, with their index. */
export function shardedFolder(): Record<string, Buffer | object> {
  const { 'config.json': config } = bertFolder();
  const shapes = Object.entries(bertShapes());
  const half = shapes.length >> 1;
  const shards = { 'model-00001-of-00002.safetensors': shapes.slice(0, half) };
  const files: Record<string, Buffer | object> = { 'config.json': config! };
  const weight_map: Record<string, string> = {};
  for (const [name, part] of Object.entries({ ...shards, 'model-00002-of-00002.safetensors': shapes.slice(half) })) {
    files[name] = safetensors(Object.fromEntries(part));
    for (const [tensor] of part) weight_map[tensor] = name;
  }
  return { ...files, 'model.safetensors.index.json': { metadata: { total_size: 0 }, weight_map } };
}

/** Values 0.01, 0.02, ... in float32, in the order of the names. */
function safetensors(shapes: Record<string, number[]>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const data = Buffer.from(Float32Array.from({ length: at / 4 }, (_, i) => ((i % 100) + 1) / 100).buffer);
  return safetensorsOf(JSON.stringify(header), data);
}

/** A safetensors file of this header, whatever it says. */
export function safetensorsOf(header: string, data: Uint8Array): Buffer {
  const json = Buffer.from(header);
  return Buffer.concat([u64(json.length), json, data]);
}
