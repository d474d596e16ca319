import { checkSameType } from '../broadcast.ts';
import { formatShape } from '../dimensions.ts';
import { apply, rule, ShapeError, type Tensor } from '../tensor.ts';
import { expectShape, expectType, headSize } from './attention-checks.ts';
import { add, mul, sub } from './elementwise.ts';
import { gather } from './indexing.ts';
import { range } from './range.ts';
import { reshape, reshapeLike, transpose, unsqueeze } from './shape.ts';
import { concat, slice } from './slicing.ts';
import { neg } from './unary.ts';

export interface RotaryOptions {
  /** Needed where `x` is not split into heads. */
  readonly heads?: number;
  readonly interleaved?: boolean;
  /** Features of each head that are rotated, from the front; all by default. */
  readonly rotaryDimensions?: number;
}

type RotaryInputs = readonly [x: Tensor, positions: Tensor, cos: Tensor, sin: Tensor];

const rotaryRule = rule<RotaryInputs, RotaryOptions>({
  name: 'rotaryEmbedding',
  infer: ([x, positions, cos, sin], { heads }) => {
    const where = 'rotaryEmbedding';
    checkSameType(where, x, cos, sin);
    expectType(where, 'positionIds', positions, 'int64');
    if (x.shape.length !== 3 && x.shape.length !== 4) {
      throw new ShapeError(
        `${where} takes [batch, sequence, heads * headSize] or [batch, heads, sequence, headSize]; got ${formatShape(x.shape)}.`,
      );
    }
    if (heads !== undefined && x.shape.length === 3) headSize(where, x.shape[2]!, heads);
    for (const [name, tensor] of Object.entries({ cos, sin })) expectShape(where, name, tensor, [undefined, undefined]);
    return [x];
  },
  // A rotation by the opposite angle.
  gradient: ({ inputs: [, positions, cos, sin], gradient: g, attributes }) => [
    rotaryEmbedding(g, positions, cos, neg(sin), attributes),
    undefined,
    undefined,
    undefined,
  ],
  onnx: {
    type: 'RotaryEmbedding',
    domain: 'com.microsoft',
    attributes: ({ heads, interleaved, rotaryDimensions }) => ({
      ...(heads !== undefined && { num_heads: { int: heads } }),
      ...(interleaved && { interleaved: { int: 1 } }),
      ...(rotaryDimensions !== undefined && { rotary_embedding_dim: { int: rotaryDimensions } }),
    }),
    expand: (inputs, options) => (inputs[0].dtype === 'float64' ? rotatedInParts(inputs, options) : undefined),
  },
});

/** The same in plain operations, for double precision, which the kernel lacks. */
function rotatedInParts([x, positions, cos, sin]: RotaryInputs, { heads, interleaved }: RotaryOptions): Tensor {
  const half = cos.shape[1] as number;
  const flat = x.shape.length === 3;
  const [batch, sequence] = [x.shape[0]!, x.shape[flat ? 1 : 2]!];
  const count = heads ?? (x.shape[2] as number) / (2 * half);
  const apart = flat ? transpose(reshape(x, [batch, sequence, count, -1]), [0, 2, 1, 3]) : x; // [batch, heads, sequence, size]
  const places = positions.shape.length === 1 ? add(range(0, sequence), positions) : positions;
  const at = (table: Tensor) => unsqueeze(gather(table, places), [-3]); // [batch or none, 1, sequence, half]
  const turned = slice(apart, 3, 0, 2 * half);
  const pairs = interleaved ? reshape(turned, [...turned.shape.slice(0, 3), half, 2]) : undefined;
  const [a, b] = pairs
    ? [gather(pairs, 0, 4), gather(pairs, 1, 4)]
    : [slice(turned, 3, 0, half), slice(turned, 3, half)];
  const [c, s] = [at(cos), at(sin)];
  const after = [sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))];
  const together = pairs
    ? reshapeLike(
        concat(
          after.map((part) => unsqueeze(part, [-1])),
          4,
        ),
        turned,
      )
    : concat(after, 3);
  const whole = concat([together, slice(apart, 3, 2 * half)], 3);
  return flat ? reshapeLike(transpose(whole, [0, 2, 1, 3]), x) : whole;
}

/**
 * Rotary position embedding of `x` `[batch, heads, sequence, headSize]` or `[batch, sequence, heads * headSize]` (give
 * `heads`) at int64 positions `[batch, sequence]` or `[1]` (the first), from caches `[positions, headSize / 2]`, to which no
 * gradient flows.
 */
export function rotaryEmbedding(
  x: Tensor,
  positionIds: Tensor,
  cos: Tensor,
  sin: Tensor,
  options: RotaryOptions = {},
): Tensor {
  return apply(rotaryRule, [x, positionIds, cos, sin], options);
}
