import {
  add,
  cast,
  concat,
  type Dimension,
  floor,
  gather,
  gemm,
  initializer,
  matMulNBits,
  matmul,
  mul,
  reduceSum,
  reshape,
  split,
  sub,
  type Tensor,
  transpose as transposeAxes,
  unsqueeze,
} from '@working-papers/graph';
import { isBlockType } from '../formats/element-types.ts';
import type { BlockType, WeightTensor, WeightType } from '../formats/types.ts';
import type { UnroundedWeights, WeightSource } from '../types.ts';
import { blockSize, type PackedBlocks, type Packing, packBlocks, packingOf, quantiseEightBit } from './blocks.ts';
import { floats, outIn, transpose, transposeInto } from './matrices.ts';

/** How one weight matrix takes part in a product. */
type Form = 'fp32' | BlockType | 'requantised';

const requantised: Packing = { bits: 8, blockSize, offsets: false, middle: 0 };

/**
 * The weights of a checkpoint as initialisers of a graph. Nothing is read before a program is compiled, and what was read
 * is not kept; one handle a weight, so that graphs and layers that share a weight share its initialiser.
 *
 * Throws a sentence when `q4` is asked of a file without blocks.
 * @param prefix begins the initialisers' names, where a graph holds two models
 */
export function weightSource(
  tensors: ReadonlyMap<string, WeightTensor>,
  weights: UnroundedWeights,
  prefix = '',
): WeightSource {
  if (weights === 'q4' && ![...tensors.values()].some(({ type }) => isBlockType(type))) {
    const types = [...new Set([...tensors.values()].map(({ type }) => type))].join(', ');
    throw new Error(
      `Weights 'q4' are a file's own blocks of few bits, and this file has none (${types}). Use 'q8' or 'fp32'.`,
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
      tensor = initializer(prefix + name, dtype, shape, data);
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
    const { type } = tensor;
    if (weights === 'q8') return keepsEightBits(type) ? type : 'requantised';
    return isBlockType(type) ? type : 'fp32';
  };

  /** The initialisers of weights below each other, held in blocks; offsets as a product wants them, `[blocks, rows]`. */
  const packedWeights = (parts: readonly WeightTensor[], form: Exclude<Form, 'fp32'>) => {
    const packing = packingFor(form);
    const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
    const blocks = parts[0]!.shape[1]! / packing.blockSize;
    const name = parts.map((part) => part.name).join('|');
    const packed = packedOnce(packing, () => joinBlocks(parts.map((part) => pack(part, form))));
    const width = (packing.blockSize * packing.bits) / 8;
    const values = make(`${name}:values`, 'uint8', [rows, blocks, width], () => packed('values').values);
    const scales = make(`${name}:scales`, 'float32', [rows, blocks], () => raw(packed('scales').scales));
    const offsets = packing.offsets
      ? make(`${name}:offsets`, 'float32', [blocks, rows], () =>
          raw(transpose(packed('offsets').offsets!, rows, blocks)),
        )
      : undefined;
    return { ...packing, rows, blocks, values, scales, offsets };
  };

  const product = (x: Tensor, parts: readonly WeightTensor[]): Tensor => {
    const form = formOf(parts[0]!);
    const columns = parts[0]!.shape[1]!;
    if (form === 'fp32') {
      const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
      const name = `${parts.map((part) => part.name).join('|')}:transposed`;
      return matmul(
        x,
        make(name, 'float32', [columns, rows], () => raw(transposed(parts, rows, columns))),
      );
    }
    const { bits, rows, blocks, values, scales, offsets, blockSize } = packedWeights(parts, form);
    const shape = { inFeatures: columns, outFeatures: rows, bits, blockSize, accuracyLevel: 4 } as const;
    const y = matMulNBits(x, values, scales, shape);
    if (!offsets) return y;
    // What the blocks add beside their symmetric part depends on x only through the sum over each block.
    const sums = blockSums(x, blocks);
    return x.shape.length === 2 ? gemm(sums, offsets, y) : add(y, matmul(sums, offsets));
  };

  const sums = new WeakMap<Tensor, Map<number, Tensor>>();
  const blockSums = (x: Tensor, blocks: number): Tensor => {
    let ofX = sums.get(x);
    if (!ofX) {
      ofX = new Map();
      sums.set(x, ofX);
    }
    let sum = ofX.get(blocks);
    if (!sum) {
      sum = reduceSum(reshape(x, [...x.shape.slice(0, -1), blocks, (x.shape.at(-1) as number) / blocks]), [-1]);
      ofX.set(blocks, sum);
    }
    return sum;
  };

  const linear: WeightSource['linear'] = (x, names, bias, { layout = 'out-in' } = {}) => {
    const parts = (typeof names === 'string' ? [names] : names).map(find);
    const inOut = layout === 'in-out' && !parts[0]!.transposed;
    for (const { name, shape } of parts) {
      if (shape.length !== 2 || shape[inOut ? 0 : 1] !== x.shape.at(-1)) {
        throw new Error(
          `The weight '${name}' [${shape.join(', ')}] does not multiply rows of ${x.shape.at(-1)} numbers.`,
        );
      }
    }
    const y =
      inOut && weights === 'fp32'
        ? concat(
            parts.map((part) => matmul(x, get(part.name))),
            -1,
          )
        : joinedProduct(x, inOut ? parts.map(outIn) : parts);
    if (bias === undefined) return y;
    return add(y, joinVectors((typeof bias === 'string' ? [bias] : bias).map(find)));
  };

  const apart: WeightSource['apart'] = (x, names, bias) =>
    split(
      linear(x, names, bias),
      names.map((name) => find(name).shape[0]!),
      -1,
    );

  const joinedProduct = (x: Tensor, parts: readonly WeightTensor[]): Tensor =>
    new Set(parts.map(formOf)).size === 1
      ? product(x, parts)
      : concat(
          parts.map((part) => product(x, [part])),
          -1,
        );

  const joinVectors = (parts: readonly WeightTensor[]): Tensor =>
    make(parts.map(({ name }) => name).join('|'), 'float32', [parts.reduce((sum, part) => sum + part.count, 0)], () =>
      raw(joinFloats(parts.map(floats))),
    );

  const embedding = (ids: Tensor, name: string, count?: number): Tensor => {
    const tensor = find(name);
    if (tensor.shape.length !== 2 || (count !== undefined && tensor.shape[0] !== count)) {
      throw new Error(
        `The table '${name}' has the shape [${tensor.shape.join(', ')}]; the model needs ${count ?? 'some'} rows of numbers.`,
      );
    }
    const form = formOf(tensor);
    if (form === 'fp32' || form === 'requantised') return gather(get(name), ids, 0);
    // The table's blocks are also the operand of a tied head's product: one initialiser for both.
    const { bits, blocks, blockSize, values, scales, offsets } = packedWeights([tensor], form);
    const last = ids.shape.length;
    const rows = cast(gather(values, ids, 0), 'float32'); // [rows, sequence, blocks, bytes]
    const centred = bits === 8 ? sub(rows, 128) : sub(pairs(rows, [...ids.shape, blocks, blockSize]), 8);
    const scaled = mul(centred, unsqueeze(gather(scales, ids, 0), last + 1));
    const columns = tensor.shape[1]!;
    if (!offsets) return reshape(scaled, [...ids.shape, columns]);
    const added = transposeAxes(gather(offsets, ids, 1), [...ids.shape.map((_, axis) => axis + 1), 0]);
    return reshape(add(scaled, unsqueeze(added, last + 1)), [...ids.shape, columns]);
  };

  /** Bytes `[..., n]` as floats to their halves, the low one first: `[..., 2 n]`. */
  const pairs = (bytes: Tensor, shape: readonly Dimension[]): Tensor => {
    const high = floor(mul(bytes, 1 / 16));
    const low = sub(bytes, mul(high, 16));
    const axis = bytes.shape.length;
    return reshape(concat([unsqueeze(low, axis), unsqueeze(high, axis)], axis), shape);
  };

  return {
    weights,
    get bytes() {
      return bytes;
    },
    has: (name) => tensors.has(name),
    get,
    linear,
    apart,
    embedding,
  };
}

/** Whether 8-bit products take a type as it is: whole bytes without an offset. Other types lose a little when they are requantised. */
export function keepsEightBits(type: WeightType): type is BlockType {
  if (!isBlockType(type)) return false;
  const { bits, offsets } = packingOf(type);
  return bits === 8 && !offsets;
}

const packingFor = (form: Exclude<Form, 'fp32'>): Packing => (form === 'requantised' ? requantised : packingOf(form));

function pack(tensor: WeightTensor, form: Exclude<Form, 'fp32'>): PackedBlocks {
  if (form === 'requantised') return quantiseEightBit(floats(tensor));
  return packBlocks(form, tensor.bytesSync(), tensor.count);
}

/** Packs once for the two or three initialisers that come of it, and lets go when each has been read. */
function packedOnce({ offsets }: Packing, compute: () => PackedBlocks): (field: keyof PackedBlocks) => PackedBlocks {
  let packed: PackedBlocks | undefined;
  const pending = new Set<keyof PackedBlocks>();
  return (field) => {
    if (!packed) {
      packed = compute();
      for (const key of ['values', 'scales', ...(offsets ? (['offsets'] as const) : [])] as const) pending.add(key);
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
  return { values, scales: joinFloats(parts.map((part) => part.scales)), offsets };
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

const raw = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
