/**
 * Orthogonal matrices that spread outliers over many numbers, so that one scale a row suffices for 8 bits (QuaRot, arXiv
 * 2404.00456; SpinQuant, arXiv 2405.16406). What multiplies a rotated row with rotated weights is what the plain ones give.
 */
import { constant, matmul, mul, reshape, type Tensor } from '@working-papers/graph';
import { seededUniform } from '../generation/sampling.ts';

/** The largest power of two that divides a width, at most `most`: larger ones cost more and spread hardly better. */
export function hadamardSize(width: number, most = 32): number {
  let size = 1;
  while (size < most && width % (2 * size) === 0) size *= 2;
  return size;
}

/** Multiplies each `size` numbers (a power of two) of the last axis by the Hadamard matrix over the root of `size`; its own inverse. */
export function hadamardProduct(x: Tensor, size: number): Tensor {
  return size === 1 ? x : reshape(matmul(reshape(x, [-1, size]), hadamardMatrix(size)), x.shape);
}

const matrices = new Map<number, Tensor>();

/** Sylvester's, scaled to be orthogonal; one tensor a size, so that the products of a graph share it. */
function hadamardMatrix(size: number): Tensor {
  let matrix = matrices.get(size);
  if (!matrix) {
    const unit = 1 / Math.sqrt(size);
    const values = Float32Array.from({ length: size * size }, (_, i) =>
      oddBits(Math.floor(i / size) & (i % size)) ? -unit : unit,
    );
    matrix = constant(values, 'float32', [size, size]);
    matrices.set(size, matrix);
  }
  return matrix;
}

function oddBits(number: number): boolean {
  let odd = false;
  for (let rest = number; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
}

/**
 * A rotation R of rows of `width` numbers: random signs, a Hadamard matrix within each block of a power of two, and a random
 * orthogonal matrix that mixes the blocks.
 */
export class Rotation {
  readonly width: number;
  private readonly size: number;
  private readonly signs: Tensor;
  /** `[blocks, blocks]` */
  private readonly mixing: Tensor;

  constructor(width: number, seed = 0) {
    this.width = width;
    this.size = hadamardSize(width, width);
    const uniform = seededUniform(seed);
    this.signs = constant(
      Float32Array.from({ length: width }, () => (uniform() < 0.5 ? -1 : 1)),
      'float32',
    );
    const blocks = width / this.size;
    this.mixing = constant(orthogonal(blocks, uniform), 'float32', [blocks, blocks]);
  }

  /** `x` `[..., width]` times R. */
  product(x: Tensor): Tensor {
    const { size, width } = this;
    const within = hadamardProduct(mul(x, this.signs), size);
    if (size === width) return within;
    return reshape(matmul(this.mixing, reshape(within, [...x.shape.slice(0, -1), width / size, size])), x.shape);
  }
}

/** A random orthogonal matrix `[size, size]`: Gram-Schmidt on rows drawn from a normal distribution. */
function orthogonal(size: number, uniform: () => number): Float32Array {
  const rows: Float64Array[] = [];
  while (rows.length < size) {
    const row = Float64Array.from({ length: size }, () => normal(uniform));
    // Twice, for what rounding left of the first pass.
    for (const other of [...rows, ...rows]) {
      const along = dot(row, other);
      for (let i = 0; i < size; i++) row[i]! -= along * other[i]!;
    }
    const length = Math.sqrt(dot(row, row));
    if (length > 1e-6) rows.push(row.map((value) => value / length));
  }
  return Float32Array.from({ length: size * size }, (_, i) => rows[Math.floor(i / size)]![i % size]!);
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** One number of a normal distribution (Box and Muller). */
const normal = (uniform: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
