import {
  add,
  cast,
  concat,
  type Dimension,
  gather,
  gemm,
  initializer,
  matMulNBits,
  matmul,
  mul,
  reshape,
  sub,
  type Tensor,
} from '@working-papers/graph';
import { dequantise } from '../formats/index.ts';
import type { WeightTensor } from '../formats/types.ts';
import type { WeightSource, Weights } from '../types.ts';
import { blockSize, isPackable, type PackedBlocks, packBlocks, quantiseEightBit } from './blocks.ts';

/** How one weight matrix takes part in a product. */
type Form = 'fp32' | 'Q4_0' | 'Q4_1' | 'Q8_0' | 'requantised';

/**
 * The weights of a checkpoint as initialisers of a graph. Nothing is read before a program is compiled, and what was read
 * is not kept; one handle a weight, so that graphs and layers that share a weight share its initialiser.
 *
 * Throws a sentence when `q4` is asked of a file without 4-bit blocks.
 */
export function weightSource(tensors: ReadonlyMap<string, WeightTensor>, weights: Weights): WeightSource {
  if (weights === 'q4' && ![...tensors.values()].some(({ type }) => type === 'Q4_0' || type === 'Q4_1')) {
    const types = [...new Set([...tensors.values()].map(({ type }) => type))].join(', ');
    throw new Error(
      `Weights 'q4' are a file's own 4-bit blocks, and this file has none (${types}). Use 'q8' or 'fp32'.`,
    );
  }
  const made = new Map<string, Tensor>();
  let bytes = 0;

  const find = (name: string): WeightTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The checkpoint has no weight '${name}'.`);
    return tensor;
  };
  const make = (name: string, dtype: 'float32' | 'uint8', shape: readonly number[], data: () => Uint8Array): Tensor => {
    let tensor = made.get(name);
    if (!tensor) {
      tensor = initializer(name, dtype, shape, data);
      made.set(name, tensor);
      bytes += shape.reduce((product, size) => product * size, 1) * (dtype === 'float32' ? 4 : 1);
    }
    return tensor;
  };

  const get = (name: string, shape?: readonly number[]): Tensor => {
    const tensor = find(name);
    if (shape && (shape.length !== tensor.shape.length || shape.some((size, axis) => size !== tensor.shape[axis]))) {
      throw new Error(
        `The weight '${name}' has the shape [${tensor.shape.join(', ')}]; the model needs [${shape.join(', ')}].`,
      );
    }
    return make(name, 'float32', tensor.shape, () => raw(floats(tensor)));
  };

  const formOf = (tensor: WeightTensor): Form => {
    const columns = tensor.shape.at(-1)!;
    if (weights === 'fp32' || columns % blockSize !== 0) return 'fp32';
    if (weights === 'q8') return tensor.type === 'Q8_0' ? 'Q8_0' : 'requantised';
    return isPackable(tensor.type) ? tensor.type : 'fp32';
  };

  const product = (x: Tensor, parts: readonly WeightTensor[]): Tensor => {
    const form = formOf(parts[0]!);
    const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
    const columns = parts[0]!.shape[1]!;
    const name = parts.map((part) => part.name).join('|');
    if (form === 'fp32') {
      return matmul(
        x,
        make(`${name}:transposed`, 'float32', [columns, rows], () => raw(transposed(parts, rows, columns))),
      );
    }
    const blocks = columns / blockSize;
    const bits = form === 'Q4_0' || form === 'Q4_1' ? 4 : 8;
    const packed = packedOnce(() => joinBlocks(parts.map((part) => pack(part, form))));
    const width = bits === 4 ? blockSize / 2 : blockSize;
    const y = matMulNBits(
      x,
      make(`${name}:values`, 'uint8', [rows, blocks, width], () => packed('values').values),
      make(`${name}:scales`, 'float32', [rows, blocks], () => raw(packed('scales').scales)),
      { inFeatures: columns, outFeatures: rows, bits, blockSize, accuracyLevel: 4 },
    );
    if (form !== 'Q4_1') return y;
    // What the blocks add beside their symmetric part depends on x only through the sum over each block.
    const offsets = make(`${name}:offsets`, 'float32', [blocks, rows], () =>
      raw(transpose(packed('offsets').offsets!, rows, blocks)),
    );
    if (x.shape.length === 2) return gemm(blockSums(x, blocks), offsets, y);
    return add(y, matmul(blockSums(x, blocks), offsets));
  };

  const sums = new WeakMap<Tensor, Tensor>();
  const blockSums = (x: Tensor, blocks: number): Tensor => {
    let sum = sums.get(x);
    if (!sum) {
      sum = matmul(x, blockOnes(blocks));
      sums.set(x, sum);
    }
    return sum;
  };

  /** `[blocks * 32, blocks]`: ones where a column's block is, so that a product with it sums each block. */
  const blockOnes = (blocks: number): Tensor =>
    make(`ones:${blocks}`, 'float32', [blocks * blockSize, blocks], () => {
      const ones = new Float32Array(blocks * blockSize * blocks);
      for (let row = 0; row < blocks * blockSize; row++) ones[row * blocks + Math.floor(row / blockSize)] = 1;
      return raw(ones);
    });

  const linear = (x: Tensor, names: string | readonly string[], bias?: string | readonly string[]): Tensor => {
    const parts = (typeof names === 'string' ? [names] : names).map(find);
    for (const { name, shape } of parts) {
      if (shape.length !== 2 || shape[1] !== x.shape.at(-1)) {
        throw new Error(
          `The weight '${name}' [${shape.join(', ')}] does not multiply rows of ${x.shape.at(-1)} numbers.`,
        );
      }
    }
    const alike = new Set(parts.map(formOf)).size === 1;
    const y = alike
      ? product(x, parts)
      : concat(
          parts.map((part) => product(x, [part])),
          -1,
        );
    if (bias === undefined) return y;
    return add(y, joinVectors((typeof bias === 'string' ? [bias] : bias).map(find)));
  };

  const joinVectors = (parts: readonly WeightTensor[]): Tensor =>
    make(parts.map(({ name }) => name).join('|'), 'float32', [parts.reduce((sum, part) => sum + part.count, 0)], () =>
      raw(joinFloats(parts.map(floats))),
    );

  const embedding = (ids: Tensor, name: string): Tensor => {
    const tensor = find(name);
    if (formOf(tensor) !== 'Q8_0') return gather(get(name), ids, 0);
    // The table's 8-bit blocks are also the operand of a tied head's product: one initialiser for both.
    const [rows, columns] = tensor.shape as [number, number];
    const blocks = columns / blockSize;
    const packed = packedOnce(() => pack(tensor, 'Q8_0'));
    const values = make(`${name}:values`, 'uint8', [rows, blocks, blockSize], () => packed('values').values);
    const scales = make(`${name}:scales`, 'float32', [rows, blocks], () => raw(packed('scales').scales));
    const shape: Dimension[] = [...ids.shape, blocks];
    const centred = sub(cast(gather(values, ids, 0), 'float32'), 128); // [rows, sequence, blocks, 32]
    const scaled = mul(centred, reshape(gather(scales, ids, 0), [...shape, 1]));
    return reshape(scaled, [...ids.shape, columns]);
  };

  return {
    weights,
    get bytes() {
      return bytes;
    },
    has: (name) => tensors.has(name),
    get,
    linear,
    embedding,
  };
}

const floats = (tensor: WeightTensor): Float32Array => dequantise(tensor.type, tensor.bytesSync(), tensor.count);

function pack(tensor: WeightTensor, form: Exclude<Form, 'fp32'>): PackedBlocks {
  if (form === 'requantised') return quantiseEightBit(floats(tensor));
  return packBlocks(form, tensor.bytesSync(), tensor.count);
}

/** Packs once for the two or three initialisers that come of it, and lets go when each has been read. */
function packedOnce(compute: () => PackedBlocks): (field: keyof PackedBlocks) => PackedBlocks {
  let packed: PackedBlocks | undefined;
  const pending = new Set<keyof PackedBlocks>();
  return (field) => {
    if (!packed) {
      packed = compute();
      for (const key of ['values', 'scales', 'offsets'] as const) if (packed[key]) pending.add(key);
    }
    const answer = packed;
    pending.delete(field);
    if (pending.size === 0) packed = undefined;
    return answer;
  };
}

function joinBlocks(parts: readonly PackedBlocks[]): PackedBlocks {
  if (parts.length === 1) return parts[0]!;
  const values = new Uint8Array(parts.reduce((sum, part) => sum + part.values.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.values.length;
  }
  const offsets = parts[0]!.offsets && joinFloats(parts.map((part) => part.offsets!));
  return { bits: parts[0]!.bits, values, scales: joinFloats(parts.map((part) => part.scales)), offsets };
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The matrices `[rows of each, columns]` below each other, transposed: `[columns, rows]`. */
function transposed(parts: readonly WeightTensor[], rows: number, columns: number): Float32Array {
  const target = new Float32Array(rows * columns);
  let first = 0;
  for (const part of parts) {
    transposeInto(floats(part), part.shape[0]!, columns, target, rows, first);
    first += part.shape[0]!;
  }
  return target;
}

function transpose(source: Float32Array, rows: number, columns: number): Float32Array {
  const target = new Float32Array(source.length);
  transposeInto(source, rows, columns, target, rows, 0);
  return target;
}

/** In tiles that stay in the processor's cache. */
function transposeInto(
  source: Float32Array,
  rows: number,
  columns: number,
  target: Float32Array,
  stride: number,
  first: number,
): void {
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    const bottom = Math.min(top + tile, rows);
    for (let left = 0; left < columns; left += tile) {
      const right = Math.min(left + tile, columns);
      for (let column = left; column < right; column++) {
        const to = column * stride + first;
        for (let row = top; row < bottom; row++) target[to + row] = source[row * columns + column]!;
      }
    }
  }
}

const raw = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
