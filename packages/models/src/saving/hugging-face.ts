import { byteLengthOf, elementCount, isPlainType } from '../formats/element-types.ts';
import { FormatError } from '../formats/format-error.ts';
import { type SafetensorsTensor, safetensorsFile } from '../formats/safetensors.ts';
import type { PlainType } from '../formats/types.ts';
import { converted, isWhole, shapeOf } from './tensors.ts';
import type { ModelToSave, SavedType, TensorToSave } from './types.ts';

/** One file of a folder: its name and its bytes, in order. */
export interface SavedFile {
  name: string;
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface HuggingFaceOptions {
  /** Default: each tensor keeps its type, and blocks of few bits become fp32, which holds them exactly. */
  dtype?: SavedType | undefined;
  /** Bytes of tensors above which the weights are parted into several files. Default 5 GB, as transformers' `save_pretrained` had it. */
  maxShardSize?: number | undefined;
}

const defaultShardSize = 5e9;

const plainTypes: Record<SavedType, PlainType> = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' };
const savedTypeOf: Partial<Record<PlainType, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float64',
};

/** The order in which safetensors' own writer lays tensors, by type, so that files come out as from it. */
const typeOrder: readonly PlainType[] = [
  ...(['U64', 'I64', 'F64', 'F32', 'U32', 'I32', 'BF16', 'F16', 'U16', 'I16'] as const),
  ...(['F8_E4M3', 'F8_E5M2', 'I8', 'U8', 'BOOL'] as const),
];

/**
 * The weights of a model as safetensors files, one or several with their index, as transformers writes them. A head that is tied to
 * the embedding is left out where it is only another name of it.
 */
export function weightFiles(
  model: ModelToSave,
  options: HuggingFaceOptions = {},
): { files: SavedFile[]; bytes: number; dtype: string } {
  const most = options.maxShardSize ?? defaultShardSize;
  if (!(most >= 1)) throw new FormatError(`A shard must have room for at least 1 byte; got ${most}.`);
  const kept = [...model.tensors].filter((tensor) => !isTiedHead(tensor, model));
  if (kept.length === 0) throw new FormatError('The model has no tensors, so there is nothing to save.');
  const tensors = kept.map((tensor) => plainTensor(tensor, options.dtype));
  const sizes = new Map(
    tensors.map((tensor) => [tensor, byteLengthOf(tensor.type, elementCount(tensor.shape, tensor.name))]),
  );
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const shards = partition(tensors, sizes, most);
  const nameOf = (shard: number) =>
    shards.length === 1 ? 'model.safetensors' : `model-${padded(shard + 1)}-of-${padded(shards.length)}.safetensors`;
  const files: SavedFile[] = shards.map((shard, i) => ({
    name: nameOf(i),
    pieces: safetensorsFile([...shard].sort(asSafetensors), { format: 'pt' }),
  }));
  if (shards.length > 1) {
    const map = shards.flatMap((shard, i) => shard.map(({ name }) => [name, nameOf(i)] as const));
    const index = {
      metadata: { total_parameters: kept.reduce((sum, { count }) => sum + count, 0), total_size: bytes },
      weight_map: Object.fromEntries(map.sort(([a], [b]) => (a < b ? -1 : 1))),
    };
    files.push(jsonFile('model.safetensors.index.json', index));
  }
  return { files, bytes, dtype: mostOf(tensors, sizes) };
}

const padded = (number: number): string => String(number).padStart(5, '0');

const isTiedHead = ({ alias, name }: TensorToSave, { config }: ModelToSave): boolean =>
  alias !== undefined && config.tie_word_embeddings === true && /^(lm_head|embed_out)\.weight$/.test(name);

function plainTensor(tensor: TensorToSave, dtype: SavedType | undefined): SafetensorsTensor {
  const { type: own } = tensor;
  const type = isWhole(own) ? (own as PlainType) : dtype ? plainTypes[dtype] : isPlainType(own) ? own : 'F32';
  const transposes = tensor.transposed === true;
  return {
    name: tensor.name,
    shape: shapeOf(tensor, transposes),
    type: transposes && !dtype ? 'F32' : type,
    pieces: () => converted(tensor, { type: transposes && !dtype ? 'F32' : type, transposes }),
  };
}

/** In order, a new shard where the next tensor has no room; one that is larger alone has its own. */
function partition(
  tensors: readonly SafetensorsTensor[],
  sizes: ReadonlyMap<SafetensorsTensor, number>,
  most: number,
): SafetensorsTensor[][] {
  const shards: SafetensorsTensor[][] = [[]];
  let used = 0;
  for (const tensor of tensors) {
    const size = sizes.get(tensor)!;
    if (used > 0 && used + size > most) {
      shards.push([]);
      used = 0;
    }
    shards.at(-1)!.push(tensor);
    used += size;
  }
  return shards;
}

function asSafetensors(a: SafetensorsTensor, b: SafetensorsTensor): number {
  return typeOrder.indexOf(a.type) - typeOrder.indexOf(b.type) || (a.name < b.name ? -1 : 1);
}

/** What transformers calls the type of most of the weights. */
function mostOf(tensors: readonly SafetensorsTensor[], sizes: ReadonlyMap<SafetensorsTensor, number>): string {
  const bytes = new Map<PlainType, number>();
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + sizes.get(tensor)!);
  const [most] = [...bytes].filter(([type]) => savedTypeOf[type]).sort((a, b) => b[1] - a[1])[0] ?? ['F32' as const];
  return savedTypeOf[most] ?? 'float32';
}

export function jsonFile(name: string, value: unknown): SavedFile {
  return textFile(name, `${JSON.stringify(value, null, 2)}\n`);
}

export const textFile = (name: string, text: string): SavedFile => ({ name, pieces: [new TextEncoder().encode(text)] });

/**
 * Configuration, tokenizer and pipeline of a model that did not come from a Hugging Face folder, as files of one. `dtype` is how
 * transformers calls the weights' type.
 */
export function filesBeside(model: ModelToSave, dtype: string): SavedFile[] {
  const { config, tokenizer } = model;
  const files = [
    jsonFile('config.json', { ...config, ...(config.dtype === undefined ? { torch_dtype: dtype } : { dtype }) }),
  ];
  const ids = Object.fromEntries(
    (['bos_token_id', 'eos_token_id', 'pad_token_id', 'decoder_start_token_id'] as const)
      .map((name) => [name, config[name]] as const)
      .filter(([, id]) => id !== undefined && id !== null),
  );
  const generates = config.architectures?.some((name) => /ForCausalLM|LMHeadModel|ForConditionalGeneration/.test(name));
  if (generates && Object.keys(ids).length > 0)
    files.push(jsonFile('generation_config.json', { _from_model_config: true, ...ids }));
  if (tokenizer) {
    const { chatTemplates = {} } = tokenizer;
    const named = Object.entries(chatTemplates).map(([name, template]) => ({ name, template }));
    const settings = {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: config.max_position_embeddings,
      ...tokenizer.config,
    };
    files.push(jsonFile('tokenizer.json', tokenizer.tokenizer));
    if (named.length > 0 && tokenizer.chatTemplate !== undefined)
      named.unshift({ name: 'default', template: tokenizer.chatTemplate });
    files.push(jsonFile('tokenizer_config.json', named.length > 0 ? { ...settings, chat_template: named } : settings));
    if (named.length === 0 && tokenizer.chatTemplate !== undefined)
      files.push(textFile('chat_template.jinja', tokenizer.chatTemplate));
  }
  if (model.preprocessor) files.push(jsonFile('preprocessor_config.json', model.preprocessor));
  files.push(...pipelineFiles(model));
  return files;
}

/** What sentence-transformers reads an encoder's pooling from. */
function pipelineFiles({ config, pooling, normalise, maxSequenceLength }: ModelToSave): SavedFile[] {
  if (pooling === undefined) return [];
  const module = (idx: number, path: string, type: string) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${type}`,
  });
  const modes = ['cls_token', 'mean_tokens', 'max_tokens'].map((mode) => [
    `pooling_mode_${mode}`,
    mode.startsWith(pooling),
  ]);
  return [
    jsonFile('modules.json', [
      module(0, '', 'Transformer'),
      module(1, '1_Pooling', 'Pooling'),
      ...(normalise ? [module(2, '2_Normalize', 'Normalize')] : []),
    ]),
    jsonFile('1_Pooling/config.json', { word_embedding_dimension: config.hidden_size, ...Object.fromEntries(modes) }),
    jsonFile('sentence_bert_config.json', {
      max_seq_length: maxSequenceLength ?? config.max_position_embeddings,
      do_lower_case: false,
    }),
  ];
}
