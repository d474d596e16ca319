import { dequantise } from '../dequantise.ts';
import { show } from '../element-types.ts';
import { FormatError } from '../format-error.ts';
import { type GgufHeader, type GgufTensor, HeaderGoesOn, parseGgufHeader } from '../gguf.ts';
import { configOfGguf, layoutOfGguf, ropeDivisorsName } from '../gguf-config.ts';
import type { RowSwap } from '../gguf-layouts.ts';
import { huggingFaceName, swappedBack } from '../gguf-names.ts';
import { tokenizerOfGguf } from '../gguf-tokenizer.ts';
import type { Checkpoint, ModelConfig, WeightTensor } from '../types.ts';
import { fileTensor } from './file-tensor.ts';
import type { WeightFile } from './weight-file.ts';

/** A GGUF file as a checkpoint in Hugging Face's terms, without its files list. */
export async function readGguf(file: WeightFile): Promise<Omit<Checkpoint, 'files'>> {
  const header = await readHeader(file);
  const divisors = await ropeDivisorsOf(header, file);
  const config = configOfGguf(header, divisors);
  if (divisors) checkDivisors(divisors, config);
  const layout = layoutOfGguf(header);
  const gated = header.tensors.some((tensor) => tensor.name.endsWith('.ffn_gate.weight'));
  const tensors = new Map<string, WeightTensor>();
  for (const tensor of header.tensors) {
    if (tensor.name === ropeDivisorsName) continue;
    const name = huggingFaceName(tensor.name, layout, gated);
    if (tensors.has(name)) throw new FormatError(`The GGUF file holds ${show(name)} twice.`);
    const swap = layout.rowsOf?.(tensor.name, config);
    if (swap) checkRows(tensor, swap);
    tensors.set(name, {
      ...fileTensor(file, { ...tensor, name, ...(swap ? { swap: swappedBack(swap) } : {}) }),
      ...(layout.transposed?.test(tensor.name) ? { transposed: true } : {}),
    });
  }
  checkEmbedding(tensors.get(huggingFaceName('token_embd.weight', layout)), config);
  const tokenizer = tokenizerOfGguf(header);
  const pooling = poolings[Number(header.metadata.get(`${config.model_type}.pooling_type`))];
  return {
    format: 'gguf',
    config,
    tensors,
    ...(tokenizer ? { tokenizer } : {}),
    ...(tokenizer?.chatTemplate === undefined ? {} : { chatTemplate: tokenizer.chatTemplate }),
    ...(pooling ? { pooling } : {}),
  };
}

/** llama.cpp's numbers of ways to pool (`llama_pooling_type`). */
const poolings: readonly (Checkpoint['pooling'] | undefined)[] = [undefined, 'mean', 'cls'];

/** Half of the widest head. */
const mostDivisors = 2 ** 15;

/** What each frequency of the rotary embedding is divided by, where the file says it. */
async function ropeDivisorsOf({ tensors }: GgufHeader, file: WeightFile): Promise<number[] | undefined> {
  const tensor = tensors.find(({ name }) => name === ropeDivisorsName);
  if (!tensor) return undefined;
  if (tensor.count > mostDivisors) {
    throw new FormatError(
      `Tensor ${show(tensor.name)} holds ${tensor.count} numbers; a head has at most ${mostDivisors} frequencies.`,
    );
  }
  const values = [...dequantise(tensor.type, await fileTensor(file, tensor).bytes(), tensor.count)];
  if (values.every((value) => value > 0 && Number.isFinite(value))) return values;
  throw new FormatError(`Tensor ${show(tensor.name)} must hold numbers above 0, which frequencies are divided by.`);
}

function checkDivisors(divisors: readonly number[], config: ModelConfig): void {
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads;
  const half = Math.floor(headDim * ((config.rotary_pct as number | undefined) ?? 1)) / 2;
  if (divisors.length !== half) {
    throw new FormatError(
      `Tensor ${show(ropeDivisorsName)} holds ${divisors.length} numbers; the rotary embedding of this model has ${half} frequencies.`,
    );
  }
}

/** Refuses metadata whose heads are not those of the tensor, before its bytes are read. */
function checkRows({ name, shape }: GgufTensor, { outer, first, second, inner }: RowSwap): void {
  if (outer * first * second * inner !== shape[0] || !Number.isInteger(second) || !Number.isInteger(inner)) {
    throw new FormatError(
      `Tensor ${show(name)} has ${shape[0]} rows, which do not part into the heads of an even size that the metadata say.`,
    );
  }
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

function checkEmbedding(table: WeightTensor | undefined, config: ModelConfig): void {
  const shape = table?.shape;
  if (shape && (shape[0] !== config.vocab_size || shape[1] !== config.hidden_size)) {
    throw new FormatError(
      `The token embedding has the shape [${shape.join(', ')}], but the metadata says [${config.vocab_size}, ${config.hidden_size}].`,
    );
  }
}
