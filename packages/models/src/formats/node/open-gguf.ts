import { configOfGguf } from '../config.ts';
import { show } from '../element-types.ts';
import { FormatError } from '../format-error.ts';
import { type GgufHeader, HeaderGoesOn, parseGgufHeader } from '../gguf.ts';
import { huggingFaceName, permutedHeads } from '../gguf-names.ts';
import { tokenizerOfGguf } from '../gguf-tokenizer.ts';
import type { Checkpoint, ModelConfig, WeightTensor } from '../types.ts';
import { fileTensor } from './file-tensor.ts';
import type { WeightFile } from './weight-file.ts';

/** A GGUF file as a checkpoint in Hugging Face's terms, without its files list. */
export async function readGguf(file: WeightFile): Promise<Omit<Checkpoint, 'files'>> {
  const header = await readHeader(file);
  const config = configOfGguf(header);
  const tensors = new Map<string, WeightTensor>();
  for (const tensor of header.tensors) {
    const name = huggingFaceName(tensor.name);
    if (tensors.has(name)) throw new FormatError(`The GGUF file holds ${show(name)} twice.`);
    const heads = permutedHeads(tensor, config.model_type, config.num_attention_heads, config.num_key_value_heads!);
    if (heads && (tensor.shape[0]! % heads !== 0 || (tensor.shape[0]! / heads) % 2 !== 0)) {
      throw new FormatError(
        `Tensor ${show(tensor.name)} has ${tensor.shape[0]} rows, which do not part into ${heads} heads of an even size.`,
      );
    }
    tensors.set(name, fileTensor(file, { ...tensor, name, ...(heads ? { permutedHeads: heads } : {}) }));
  }
  checkEmbedding(tensors, config);
  const tokenizer = tokenizerOfGguf(header);
  return {
    format: 'gguf',
    config,
    tensors,
    tokenizer,
    ...(tokenizer.chatTemplate === undefined ? {} : { chatTemplate: tokenizer.chatTemplate }),
  };
}

/** Reads as much of the beginning as the header needs: first 4 MiB, then twice as much each time. */
async function readHeader(file: WeightFile): Promise<GgufHeader> {
  for (let length = Math.min(file.bytes, 2 ** 22); ; length = Math.min(file.bytes, length * 2)) {
    try {
      return parseGgufHeader(await file.read(0, length), file.bytes);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
    }
  }
}

function checkEmbedding(tensors: Map<string, WeightTensor>, config: ModelConfig): void {
  const shape = tensors.get('model.embed_tokens.weight')?.shape;
  if (shape && (shape[0] !== config.vocab_size || shape[1] !== config.hidden_size)) {
    throw new FormatError(
      `The token embedding has the shape [${shape.join(', ')}], but the metadata says [${config.vocab_size}, ${config.hidden_size}].`,
    );
  }
}
