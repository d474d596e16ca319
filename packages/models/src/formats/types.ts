import type { TokenizerFiles } from '../tokenizers/types.ts';

/** Element types of a safetensors file. */
export type PlainType =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'F8_E4M3'
  | 'F8_E5M2'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL';

/** Block types of GGUF that are read here. */
export type BlockType =
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q8_1'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'Q8_K'
  | 'IQ4_NL'
  | 'IQ4_XS'
  | 'TQ1_0'
  | 'TQ2_0'
  | 'MXFP4';

export type WeightType = PlainType | BlockType;

/**
 * One named weight of a checkpoint. Its bytes are read from the file when they are asked for, in the order
 * of the Hugging Face layout (GGUF's row permutation of Q and K is already undone), still in the file's type.
 */
export interface WeightTensor {
  readonly name: string;
  /** Outermost dimension first, as PyTorch writes it: `[out, in]` for a linear layer. */
  readonly shape: readonly number[];
  readonly type: WeightType;
  /** Whether a matrix that its architecture keeps as `[in, out]` (GPT-2's Conv1D) lies here as `[out, in]`, as GGUF files hold it. */
  readonly transposed?: boolean;
  /** Number of elements. */
  readonly count: number;
  /** The tensor that this one is only another name of: both are one storage of a PyTorch file. */
  readonly alias?: string;
  /** Number of bytes in the file. */
  readonly byteLength: number;
  /** All bytes, as in the file (little-endian). */
  bytes(): Promise<Uint8Array>;
  /** The same without leaving the call; for initialisers that are read while a graph is compiled. */
  bytesSync(): Uint8Array;
  /** Bytes `[start, end)` of {@link bytes}. */
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** What the rotary embedding is stretched by; the fields of Hugging Face's `rope_scaling`. */
export interface RopeScaling {
  rope_type?: string;
  type?: string;
  factor?: number;
  [field: string]: unknown;
}

/** The fields of Hugging Face's `config.json` that the architectures read; every other field is kept as it is. */
export interface ModelConfig {
  model_type: string;
  architectures?: string[];
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads?: number;
  head_dim?: number;
  hidden_act?: string;
  max_position_embeddings?: number;
  type_vocab_size?: number;
  rms_norm_eps?: number;
  layer_norm_eps?: number;
  rope_theta?: number;
  rope_scaling?: RopeScaling | null;
  tie_word_embeddings?: boolean;
  attention_bias?: boolean;
  mlp_bias?: boolean;
  bos_token_id?: number | null;
  eos_token_id?: number | number[] | null;
  pad_token_id?: number | null;
  [field: string]: unknown;
}

/** A file that a checkpoint was read from. */
export interface CheckpointFile {
  path: string;
  /** Lower-case hexadecimal. */
  sha256: string;
  bytes: number;
}

/** A model as it lies in files: configuration, tokenizer and weights, none of the weights read yet. */
export interface Checkpoint {
  readonly format: 'safetensors' | 'gguf' | 'pytorch';
  readonly config: ModelConfig;
  /** By Hugging Face name, whatever the format. */
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  readonly tokenizer?: TokenizerFiles;
  /** A jinja template that turns messages into a prompt. */
  readonly chatTemplate?: string;
  /** What is done to images (`preprocessor_config.json`). */
  readonly preprocessor?: Readonly<Record<string, unknown>>;
  readonly files: readonly CheckpointFile[];
  /** The Hugging Face folder that everything beside the weights was read from. */
  readonly folder?: string;
  /** Tokens that an encoder was made for (`max_seq_length` of sentence_bert_config.json), specials included. */
  readonly maxSequenceLength?: number;
  /** How an encoder turns token vectors into one (the folder `1_Pooling`). */
  readonly pooling?: 'mean' | 'cls' | 'max';
  /** Whether the encoder's own pipeline ends in a normalisation (modules.json). */
  readonly normalise?: boolean;
}
