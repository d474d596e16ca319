import { dequantise } from '../formats/dequantise.ts';
import { byteLengthOf, elementCount, show } from '../formats/element-types.ts';
import { FormatError } from '../formats/format-error.ts';
import type { RowSwap } from '../formats/gguf-layouts.ts';
import { swapRows } from '../formats/gguf-names.ts';
import { quantise, type WrittenType } from '../formats/quantise.ts';
import type { WeightType } from '../formats/types.ts';
import { transpose } from '../weights/matrices.ts';
import type { ModelToSave, TensorToSave } from './types.ts';

/** Weights that are converted at a time: whole blocks of every type. */
const step = 2 ** 20;

export interface Conversion {
  /** The type that the bytes come out in; that of the tensor leaves them as they are. */
  type: WeightType;
  /** Turns a matrix `[rows, columns]` into `[columns, rows]`. */
  transposes?: boolean | undefined;
  swap?: RowSwap | undefined;
}

/**
 * The bytes of a tensor in another type and order, a piece at a time, so that no more than the tensor as it lies in its file is in memory
 * (as floats where it is transposed). Throws a sentence that names the tensor where a value has no place in the type.
 */
export async function* converted(tensor: TensorToSave, conversion: Conversion): AsyncGenerator<Uint8Array> {
  const { name, shape, count } = tensor;
  let source = tensor.type;
  let bytes = await tensor.bytes();
  if (bytes.byteLength !== byteLengthOf(source, count)) {
    throw new FormatError(
      `Tensor ${show(name)} of type ${source} and shape [${shape.join(', ')}] takes ${byteLengthOf(source, count)} bytes; ${bytes.byteLength} were given.`,
    );
  }
  if (conversion.transposes) {
    bytes = quantise('F32', transpose(dequantise(source, bytes, count), shape[0]!, shape[1]!));
    source = 'F32';
  }
  if (conversion.swap) bytes = swapRows(bytes, shape[0]!, conversion.swap);
  if (source === conversion.type) {
    yield bytes;
    return;
  }
  for (let from = 0; from < count; from += step) {
    const end = Math.min(count, from + step);
    const part = bytes.subarray(byteLengthOf(source, from), byteLengthOf(source, end));
    try {
      yield quantise(conversion.type as WrittenType, dequantise(source, part, end - from));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(`Tensor ${show(name)} cannot be saved: ${error.message}`, { cause: error });
    }
  }
}

/** Whether the numbers of a type are integers, which are saved as they are. */
export const isWhole = (type: WeightType): boolean => /^(I|U)\d+$|^BOOL$/.test(type);

/** The shape of a tensor when a transposition is undone. */
export const shapeOf = ({ shape }: Pick<TensorToSave, 'shape'>, transposes: boolean | undefined): readonly number[] =>
  transposes ? [...shape].reverse() : shape;

/** The last dimension: what a row holds. */
export const rowOf = (shape: readonly number[]): number => shape.at(-1) ?? 1;

/** The tensors one after the other with progress, in bytes that went out, and an end when the signal says so. */
export async function* watched(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
  onBytes: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    yield piece;
    onBytes?.(piece.byteLength);
  }
}

/** A tensor of values that a caller has, or makes when they are asked for. */
export function floatTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array | (() => Float32Array | Promise<Float32Array>),
): TensorToSave {
  const bytes = async () => quantise('F32', typeof values === 'function' ? await values() : values);
  return { name, shape, type: 'F32', count: elementCount(shape, name), bytes };
}

/** A model with some of its tensors exchanged, by name, and further ones added. */
export function withTensors(model: ModelToSave, tensors: Iterable<TensorToSave>): ModelToSave {
  const all = new Map([...model.tensors].map((tensor) => [tensor.name, tensor]));
  for (const tensor of tensors) all.set(tensor.name, tensor);
  return { ...model, tensors: [...all.values()] };
}
