import { checkSameType } from '../broadcast.ts';
import { type Dimension, dimensionQuotient, dimensionSum, formatShape } from '../dimensions.ts';
import type { OnnxAttributes } from '../onnx/form.ts';
import { apply, applyAll, describe, rule, ShapeError, type Tensor } from '../tensor.ts';

/** Inference only: these three have no gradient; models build their training form from plain operations. */

export interface GroupQueryAttentionInputs {
  /** `[batch, sequence, heads * headSize]`, or packed with key and value: `[batch, sequence, (heads + 2 * kvHeads) * headSize]`. */
  readonly query: Tensor;
  /** `[batch, sequence, kvHeads * headSize]`; absent when packed. */
  readonly key?: Tensor | undefined;
  readonly value?: Tensor | undefined;
  /** Cache of keys `[batch, kvHeads, capacity, headSize]`. */
  readonly pastKey?: Tensor | undefined;
  readonly pastValue?: Tensor | undefined;
  /** int32 `[batch]`: for each row the tokens it has including the new ones, minus one. */
  readonly sequenceLengths: Tensor;
  /** int32 scalar or `[1]`: the largest number of tokens including the new ones. */
  readonly totalLength: Tensor;
  /** `[positions, headSize / 2]`; with them the queries and keys are rotated. */
  readonly cos?: Tensor | undefined;
  readonly sin?: Tensor | undefined;
  /** int64 `[batch, sequence]`: positions for the rotation, instead of consecutive ones. */
  readonly positionIds?: Tensor | undefined;
  /** Added to the scores: `[batch or 1, heads or 1, sequence, total]`. */
  readonly attentionBias?: Tensor | undefined;
  /** `[heads]`: a logit of its own for attending to nothing. */
  readonly headSink?: Tensor | undefined;
}

export interface GroupQueryAttentionOptions {
  readonly heads: number;
  readonly kvHeads: number;
  /** 1 / sqrt(headSize) by default. */
  readonly scale?: number;
  /** Tokens that a token sees, itself included; all by default. */
  readonly window?: number;
  readonly softcap?: number;
  readonly interleaved?: boolean;
  /** Length of the caches that come out; that of the past (one buffer, updated in place), or the sequence without a past. */
  readonly presentLength?: Dimension;
}

type GroupQueryInputs = readonly [
  query: Tensor,
  key: Tensor | undefined,
  value: Tensor | undefined,
  pastKey: Tensor | undefined,
  pastValue: Tensor | undefined,
  sequenceLengths: Tensor,
  totalLength: Tensor,
  cos: Tensor | undefined,
  sin: Tensor | undefined,
  positionIds: Tensor | undefined,
  attentionBias: Tensor | undefined,
  headSink: Tensor | undefined,
];

function headSize(where: string, features: Dimension, heads: number): number {
  const size = dimensionQuotient(features, heads);
  if (typeof size !== 'number') {
    throw new ShapeError(`${where}: ${features} features do not divide into ${heads} heads.`);
  }
  return size;
}

function expectShape(
  where: string,
  name: string,
  tensor: Tensor | undefined,
  shape: readonly (Dimension | undefined)[],
) {
  if (!tensor) return;
  const fits =
    tensor.shape.length === shape.length && shape.every((d, axis) => d === undefined || d === tensor.shape[axis]);
  if (!fits) {
    const wanted = `[${shape.map((dimension) => dimension ?? '*').join(', ')}]`;
    throw new ShapeError(`${where}: ${name} must have the shape ${wanted}; got ${formatShape(tensor.shape)}.`);
  }
}

function expectType(where: string, name: string, tensor: Tensor | undefined, dtype: Tensor['dtype']) {
  if (tensor && tensor.dtype !== dtype) {
    throw new ShapeError(`${where}: ${name} must be ${dtype}; got ${describe(tensor)}.`);
  }
}

const groupQueryRule = rule<GroupQueryInputs, GroupQueryAttentionOptions & { readonly rotary: boolean }>({
  name: 'groupQueryAttention',
  infer: (inputs, { heads, kvHeads, presentLength }) => {
    const [query, key, value, pastKey, pastValue, lengths, total, cos, sin, positionIds, bias, sink] = inputs;
    const where = 'groupQueryAttention';
    if (query.shape.length !== 3) {
      throw new ShapeError(`${where}: the query must be [batch, sequence, features]; got ${formatShape(query.shape)}.`);
    }
    if (heads % kvHeads !== 0) throw new ShapeError(`${where}: ${kvHeads} key heads do not divide ${heads} heads.`);
    if (!key !== !value || !pastKey !== !pastValue || !cos !== !sin) {
      throw new ShapeError(`${where} takes key and value, pastKey and pastValue, cos and sin in pairs.`);
    }
    checkSameType(where, query, key, value, pastKey, pastValue, cos, sin, bias, sink);
    const [batch, sequence, features] = query.shape as [Dimension, Dimension, Dimension];
    const size = headSize(where, features, key ? heads : heads + 2 * kvHeads);
    for (const [name, tensor] of Object.entries({ key, value })) {
      expectShape(where, name, tensor, [batch, sequence, kvHeads * size]);
    }
    for (const [name, tensor] of Object.entries({ pastKey, pastValue })) {
      expectShape(where, name, tensor, [batch, kvHeads, pastKey?.shape[2], size]);
    }
    expectShape(where, 'sequenceLengths', lengths, [batch]);
    expectShape(where, 'positionIds', positionIds, [batch, sequence]);
    expectShape(where, 'attentionBias', bias, [undefined, undefined, sequence, undefined]);
    expectShape(where, 'headSink', sink, [heads]);
    for (const [name, tensor] of Object.entries({ cos, sin })) expectShape(where, name, tensor, [undefined, undefined]);
    expectType(where, 'sequenceLengths', lengths, 'int32');
    expectType(where, 'totalLength', total, 'int32');
    expectType(where, 'positionIds', positionIds, 'int64');
    const dtype = query.dtype;
    const present = [batch, kvHeads, presentLength ?? pastKey?.shape[2] ?? sequence, size];
    return [
      { dtype, shape: [batch, sequence, heads * size] },
      { dtype, shape: present },
      { dtype, shape: present },
    ];
  },
  onnx: {
    type: 'GroupQueryAttention',
    domain: 'com.microsoft',
    outputs: [true, true, true],
    attributes: ({ heads, kvHeads, scale, window, softcap, interleaved, rotary }) => ({
      num_heads: { int: heads },
      kv_num_heads: { int: kvHeads },
      do_rotary: { int: rotary ? 1 : 0 },
      ...(scale !== undefined && { scale: { float: scale } }),
      ...(window !== undefined && { local_window_size: { int: window } }),
      ...(softcap !== undefined && { softcap: { float: softcap } }),
      ...(interleaved && { rotary_interleaved: { int: 1 } }),
    }),
  },
});

/**
 * Causal attention with a cache and fewer key heads than query heads, in one kernel. Bind the past and the present to
 * one tensor and the cache is updated in place. Several new tokens with a past need a batch of 1.
 */
export function groupQueryAttention(
  inputs: GroupQueryAttentionInputs,
  options: GroupQueryAttentionOptions,
): { output: Tensor; presentKey: Tensor; presentValue: Tensor } {
  const { query, key, value, pastKey, pastValue, sequenceLengths, totalLength } = inputs;
  const { cos, sin, positionIds, attentionBias, headSink } = inputs;
  const [output, presentKey, presentValue] = applyAll(
    groupQueryRule,
    [
      query,
      key,
      value,
      pastKey,
      pastValue,
      sequenceLengths,
      totalLength,
      cos,
      sin,
      positionIds,
      attentionBias,
      headSink,
    ],
    { ...options, rotary: cos !== undefined },
  );
  return { output: output!, presentKey: presentKey!, presentValue: presentValue! };
}

export interface MultiHeadAttentionInputs {
  /** `[batch, sequence, heads * headSize]`. */
  readonly query: Tensor;
  /** `[batch, keys, heads * headSize]`, or `[batch, heads, keys, headSize]`. */
  readonly key: Tensor;
  readonly value: Tensor;
  /** One vector for query, key and value: `[(2 * heads * headSize) + valueFeatures]`. */
  readonly bias?: Tensor | undefined;
  /** int32: `[batch]` lengths, or `[batch, keys]` with 1 for keys that may be seen. */
  readonly keyPaddingMask?: Tensor | undefined;
  /** Added to the scores: `[batch or 1, heads or 1, sequence, total]`. */
  readonly attentionBias?: Tensor | undefined;
  /** `[batch, heads, past, headSize]`. */
  readonly pastKey?: Tensor | undefined;
  readonly pastValue?: Tensor | undefined;
}

export interface MultiHeadAttentionOptions {
  readonly heads: number;
  readonly scale?: number;
  /** Causal when true. */
  readonly unidirectional?: boolean;
  /** Score of a masked key; -10000 by default. */
  readonly maskValue?: number;
}

type MultiHeadInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  bias: Tensor | undefined,
  keyPaddingMask: Tensor | undefined,
  attentionBias: Tensor | undefined,
  pastKey: Tensor | undefined,
  pastValue: Tensor | undefined,
];

const multiHeadAttributes = ({
  heads,
  scale,
  unidirectional,
  maskValue,
}: MultiHeadAttentionOptions): OnnxAttributes => ({
  num_heads: { int: heads },
  ...(scale !== undefined && { scale: { float: scale } }),
  ...(unidirectional && { unidirectional: { int: 1 } }),
  ...(maskValue !== undefined && { mask_filter_value: { float: maskValue } }),
});

const multiHeadRule = rule<MultiHeadInputs, MultiHeadAttentionOptions>({
  name: 'multiHeadAttention',
  infer: ([query, key, value, bias, mask, attentionBias, pastKey, pastValue], { heads }) => {
    const where = 'multiHeadAttention';
    checkSameType(where, query, key, value, bias, attentionBias, pastKey, pastValue);
    if (query.shape.length !== 3) {
      throw new ShapeError(`${where}: the query must be [batch, sequence, features]; got ${formatShape(query.shape)}.`);
    }
    const [batch, sequence, features] = query.shape as [Dimension, Dimension, Dimension];
    const size = headSize(where, features, heads);
    const split = key.shape.length === 4;
    const keys = key.shape[split ? 2 : 1];
    expectShape(where, 'key', key, split ? [batch, heads, keys, size] : [batch, keys, features]);
    expectShape(where, 'value', value, split ? [batch, heads, keys, undefined] : [batch, keys, undefined]);
    expectShape(where, 'attentionBias', attentionBias, [undefined, undefined, sequence, undefined]);
    expectType(where, 'keyPaddingMask', mask, 'int32');
    if (!pastKey !== !pastValue) throw new ShapeError(`${where} takes pastKey and pastValue together.`);
    const valueSize = split ? value.shape[3]! : headSize(where, value.shape[2]!, heads);
    expectShape(where, 'pastKey', pastKey, [batch, heads, pastKey?.shape[2], size]);
    expectShape(where, 'pastValue', pastValue, [batch, heads, pastKey?.shape[2], valueSize]);
    const total = pastKey ? dimensionSum(pastKey.shape[2]!, keys!) : keys!;
    const dtype = query.dtype;
    const width = split && typeof valueSize === 'number' ? heads * valueSize : value.shape[2]!;
    return [
      { dtype, shape: [batch, sequence, width] },
      { dtype, shape: [batch, heads, total, size] },
      { dtype, shape: [batch, heads, total, valueSize] },
    ];
  },
  onnx: {
    write: (writer, values, { attributes, inputs }) => {
      const hasPast = inputs[6] !== undefined;
      return writer.node('MultiHeadAttention', values, {
        domain: 'com.microsoft',
        attributes: multiHeadAttributes(attributes),
        outputs: hasPast ? 3 : 1,
      });
    },
  },
});

/** Attention of all heads in one kernel (fastest without a mask); the presents exist only where a past is given. */
export function multiHeadAttention(
  inputs: MultiHeadAttentionInputs,
  options: MultiHeadAttentionOptions,
): { output: Tensor; presentKey: Tensor | undefined; presentValue: Tensor | undefined } {
  const { query, key, value, bias, keyPaddingMask, attentionBias, pastKey, pastValue } = inputs;
  const [output, presentKey, presentValue] = applyAll(
    multiHeadRule,
    [query, key, value, bias, keyPaddingMask, attentionBias, pastKey, pastValue],
    options,
  );
  return {
    output: output!,
    presentKey: pastKey ? presentKey : undefined,
    presentValue: pastKey ? presentValue : undefined,
  };
}

interface RotaryOptions {
  readonly heads?: number;
  readonly interleaved?: boolean;
  /** Features of each head that are rotated, from the front; all by default. */
  readonly rotaryDimensions?: number;
}

const rotaryRule = rule<readonly [Tensor, Tensor, Tensor, Tensor], RotaryOptions>({
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
  onnx: {
    type: 'RotaryEmbedding',
    domain: 'com.microsoft',
    attributes: ({ heads, interleaved, rotaryDimensions }) => ({
      ...(heads !== undefined && { num_heads: { int: heads } }),
      ...(interleaved && { interleaved: { int: 1 } }),
      ...(rotaryDimensions !== undefined && { rotary_embedding_dim: { int: rotaryDimensions } }),
    }),
  },
});

/**
 * Rotary position embedding of `x` `[batch, heads, sequence, headSize]` or `[batch, sequence, heads * headSize]` (give
 * `heads`) at int64 positions `[batch, sequence]` or `[1]` (the first), from caches `[positions, headSize / 2]`.
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
