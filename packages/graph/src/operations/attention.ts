import { checkSameType } from '../broadcast.ts';
import { type Dimension, dimensionSum, formatShape } from '../dimensions.ts';
import type { OnnxAttributes } from '../onnx/form.ts';
import { applyAll, rule, ShapeError, type Tensor } from '../tensor.ts';
import { expectShape, expectType, headSize } from './attention-checks.ts';

/** The fused attention is for inference only: no gradient; models build its training form from plain operations. */

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
