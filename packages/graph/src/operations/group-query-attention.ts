import { checkSameType } from '../broadcast.ts';
import { type Dimension, formatShape } from '../dimensions.ts';
import { applyAll, rule, ShapeError, type Tensor } from '../tensor.ts';
import { expectShape, expectType, headSize } from './attention-checks.ts';

/** Inference only: no gradient; models build their training form from plain operations. */

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
  /**
   * int64 `[batch, sequence]`: positions for the rotation. With an empty cache only the first counts and the others
   * follow it; where a first prompt has gaps, rotate before (rotaryEmbedding) and leave cos and sin out.
   */
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
    if (cos && size % 16 !== 0) {
      throw new ShapeError(
        `${where} rotates heads of a multiple of 16 features; got ${size}. Use rotaryEmbedding before it.`,
      );
    }
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
