import { rotaryFrequencies } from '../architectures/rotary.ts';
import { byteLengthOf } from '../formats/element-types.ts';
import { FormatError } from '../formats/format-error.ts';
import { ropeDivisorsName } from '../formats/gguf-config.ts';
import { ggufName } from '../formats/gguf-names.ts';
import { ggufArchitectureOf, ggufParameters, windowOf } from '../formats/gguf-parameters.ts';
import { ggufVocabulary } from '../formats/gguf-vocabulary.ts';
import { type GgufEntry, type GgufTensorToWrite, ggufFile } from '../formats/gguf-writer.ts';
import { fitsRows, type WrittenType } from '../formats/quantise.ts';
import { attentionFactor, ropeTypeOf } from '../formats/rope-scaling.ts';
import type { ModelConfig, WeightType } from '../formats/types.ts';
import { converted, floatTensor, rowOf, shapeOf } from './tensors.ts';
import type { ModelToSave, TensorToSave } from './types.ts';

/** llama.cpp's numbers of files whose matrices are mostly of a type (`llama_ftype`). */
const fileTypes: Record<WrittenType, number> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 };

/** Tensors that llama.cpp takes in float32 only, as its converter decides. */
const alwaysSingle = /^(position_embd|token_types)\.weight$|_norm\.weight$/;

export interface GgufPlan {
  /** The whole file, a piece at a time. */
  pieces: AsyncIterable<Uint8Array>;
  /** Bytes of the tensors. */
  bytes: number;
  /** Sentences on what the file does not carry. */
  notes: string[];
}

/**
 * A model as a GGUF file that llama.cpp opens: matrices in `type`, vectors and norms in F32, rows of Q and K as its converter lays them.
 * With Q4_0 the head (which in many models is the table of tokens too) is kept in Q8_0. Matrices whose rows are no whole blocks are kept in F16.
 * Blocks that are of the type already stay as they are. Throws a sentence where llama.cpp does not run such a model.
 */
export function planGguf(model: ModelToSave, type: WrittenType, name?: string): GgufPlan {
  const { config } = model;
  const { architecture, layout } = ggufArchitectureOf(config);
  const metadata = ggufParameters(config, architecture);
  const put = (key: string, entry: GgufEntry) => metadata.set(key, entry);
  put('general.type', { type: 'string', value: 'model' });
  if (name !== undefined) put('general.name', { type: 'string', value: name });
  put('general.file_type', { type: 'uint32', value: fileTypes[type] });
  put('general.quantization_version', { type: 'uint32', value: 2 });
  if (model.pooling === 'mean' || model.pooling === 'cls')
    put(`${architecture}.pooling_type`, { type: 'uint32', value: model.pooling === 'mean' ? 1 : 2 });
  for (const [key, entry] of ggufVocabulary(model.tokenizer, config)) put(key, entry);

  const tensors: GgufTensorToWrite[] = [];
  const add = (tensor: TensorToSave, name: string, wanted: WrittenType) => {
    // What lies in Hugging Face's order is turned, what came from a GGUF file lies as llama.cpp wants it.
    const transposes = layout.transposed?.test(name) === true && !tensor.transposed;
    const shape = shapeOf(tensor, transposes);
    const conversion = { type: typeOf(name, shape, wanted), transposes, swap: layout.rowsOf?.(name, config) };
    tensors.push({ name, shape, type: conversion.type, pieces: () => converted(tensor, conversion) });
  };
  const divisors = ropeDivisors(config, architecture);
  if (divisors) add(floatTensor(ropeDivisorsName, [divisors.length], divisors), ropeDivisorsName, 'F32');
  const left: string[] = [];
  const all = [...model.tensors];
  // transformers 5 says of T5 that its head is tied, and by scale_decoder_outputs whether it is.
  const tied = config.tie_word_embeddings === true && config.scale_decoder_outputs !== false && !layout.needsHead;
  const hasHead = all.some((tensor) => ggufName(tensor.name, layout) === 'output.weight');
  for (const tensor of all) {
    const name = ggufName(tensor.name, layout);
    if (name === undefined) left.push(tensor.name);
    else if (name === 'output.weight' && tied) continue;
    else if (name === 'token_embd.weight') {
      const isHead = layout.whole.output !== undefined && (tied || !hasHead);
      add(tensor, name, isHead ? headType(type) : type);
      if (layout.needsHead && !hasHead) add(tensor, 'output.weight', headType(type));
    } else add(tensor, name, name === 'output.weight' ? headType(type) : type);
  }
  if (!tensors.some(({ name }) => name === 'token_embd.weight'))
    throw new FormatError('The model has no table of tokens, so there is nothing that llama.cpp could run.');
  return {
    pieces: ggufFile(metadata, tensors),
    bytes: tensors.reduce(
      (sum, { type, shape }) =>
        sum +
        byteLengthOf(
          type,
          shape.reduce((a, b) => a * b, 1),
        ),
      0,
    ),
    notes: notesOf(model, left),
  };
}

/** Architectures whose tensor of divisors llama.cpp reads. */
const dividing = ['llama'];

/**
 * What each frequency of the rotary embedding is divided by, where a tensor says it (llama3, as llama.cpp's converter has it, and
 * longrope that is the same for every length). Throws a sentence where llama.cpp cannot divide so.
 */
function ropeDivisors(config: ModelConfig, architecture: string): Float32Array | undefined {
  const type = ropeTypeOf(config);
  if (type !== 'llama3' && type !== 'longrope') return undefined;
  const refused = (why: string) =>
    new FormatError(
      `The model stretches its rotary embedding as rope_scaling '${type}' says${why}, which GGUF cannot; save it as a Hugging Face folder.`,
    );
  if (!dividing.includes(architecture)) throw refused(` in the architecture ${architecture}`);
  if (attentionFactor(config) !== 1) throw refused(' with an attention factor');
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const plain = rotaryFrequencies({ ...config, rope_scaling: null }, headDim);
  let stretched: Float64Array;
  try {
    stretched = rotaryFrequencies(config, headDim);
  } catch (error) {
    throw new FormatError(`${(error as Error).message} GGUF cannot say it; save it as a Hugging Face folder.`);
  }
  return Float32Array.from(plain, (value, i) => value / stretched[i]!);
}

const headType = (type: WrittenType): WrittenType => (type === 'Q4_0' ? 'Q8_0' : type);

function typeOf(name: string, shape: readonly number[], wanted: WrittenType): WeightType {
  if (shape.length <= 1 || alwaysSingle.test(name) || !name.endsWith('.weight')) return 'F32';
  return fitsRows(wanted, rowOf(shape)) ? wanted : 'F16';
}

function notesOf({ config, tokenizer }: ModelToSave, left: readonly string[]): string[] {
  const notes: string[] = [];
  if (left.length > 0) {
    notes.push(
      `llama.cpp has no use for ${left.length} tensors (${left.slice(0, 3).join(', ')}${left.length > 3 ? ', ...' : ''}); they were left out.`,
    );
  }
  const window = windowOf(config);
  if (window !== undefined && window < (config.max_position_embeddings ?? window)) {
    notes.push(
      `llama.cpp keeps no window for this architecture, so the file's context is the window: ${window} tokens.`,
    );
  }
  if (!tokenizer) notes.push('The model carries no tokenizer, so the file takes token ids only.');
  return notes;
}
