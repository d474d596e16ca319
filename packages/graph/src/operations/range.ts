import type { Dimension } from '../dimensions.ts';
import { apply, type DataType, describe, freshDimension, rule, ShapeError, type Tensor } from '../tensor.ts';
import { type ConstantAttributes, constantRule, toTensor } from './sources.ts';

/** A bound of a range: a number, a named dimension (int64 only), or a scalar tensor. */
export type RangeBound = Dimension | Tensor;

interface RangeAttributes {
  readonly dtype: DataType;
  readonly size: Dimension;
  /** Bounds that are dimensions; undefined where a tensor was given. */
  readonly start: Dimension | undefined;
  readonly limit: Dimension | undefined;
}

const rangeRule = rule<readonly [Tensor | undefined, Tensor | undefined, Tensor], RangeAttributes>({
  name: 'range',
  infer: (inputs, { dtype, size }) => {
    const odd = inputs.find((tensor) => tensor && (tensor.dtype !== dtype || tensor.shape.length > 0));
    if (odd) throw new ShapeError(`range takes scalars of ${dtype}; got ${describe(odd)}.`);
    return [{ dtype, shape: [size] }];
  },
  onnx: {
    write: (writer, [start, limit, step], { attributes }) => {
      const scalar = (value: string | undefined, dimension: Dimension | undefined) => {
        if (value !== undefined) return value;
        if (typeof dimension === 'number') return writer.scalar(dimension, attributes.dtype);
        return writer.node('Squeeze', [writer.dimension(dimension!), writer.int64s([0])])[0];
      };
      return writer.node('Range', [scalar(start, attributes.start), scalar(limit, attributes.limit), step]);
    },
  },
});

export interface RangeOptions {
  dtype?: 'int64' | 'int32' | 'float32' | 'float64';
  /** The name of the result's size, where it cannot be derived. */
  dimension?: Dimension;
}

/**
 * `start, start + step, ...` below `limit`, a vector; int64 unless told otherwise. `range(0, 'sequence')` has the
 * dimension `sequence`.
 */
export function range(start: RangeBound, limit: RangeBound, step = 1, options: RangeOptions = {}): Tensor {
  const dtype = options.dtype ?? 'int64';
  if (step === 0) throw new RangeError('range: the step must not be 0.');
  if (dtype !== 'int64' && (typeof start === 'string' || typeof limit === 'string')) {
    throw new ShapeError(`range: a named bound makes an int64 range; got ${dtype}. Use cast afterwards.`);
  }
  const asTensor = (bound: RangeBound) => (typeof bound === 'object' ? bound : undefined);
  const asDimension = (bound: RangeBound) => (typeof bound === 'object' ? undefined : bound);
  return apply(rangeRule, [asTensor(start), asTensor(limit), toTensor(step, dtype)], {
    dtype,
    size: options.dimension ?? rangeSize(start, limit, step),
    start: asDimension(start),
    limit: asDimension(limit),
  });
}

function rangeSize(start: RangeBound, limit: RangeBound, step: number): Dimension {
  if (typeof start === 'number' && typeof limit === 'number') return Math.max(0, Math.ceil((limit - start) / step));
  if (start === 0 && step === 1) {
    if (typeof limit === 'string') return limit;
    if (typeof limit === 'object') return dimensionRead(limit) ?? freshDimension('range');
  }
  return freshDimension('range');
}

/** The dimension that a scalar tensor was read from (dimensionOf), so that ranges over it keep its name. */
function dimensionRead(limit: Tensor): Dimension | undefined {
  if (limit.op.rule.name === 'dimensionOf') {
    return limit.inputs[0]!.shape[(limit.op.attributes as { axis: number }).axis];
  }
  if (limit.op.rule !== constantRule) return undefined;
  return Number((limit.op.attributes as ConstantAttributes).data[0]);
}
