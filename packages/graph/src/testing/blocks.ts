import {
  add,
  cast,
  concat,
  constant,
  div,
  equal,
  expand,
  gather,
  gelu,
  layerNorm,
  matmul,
  matrixTranspose,
  mul,
  neg,
  reduceSum,
  reshape,
  rmsNorm,
  silu,
  slice,
  softmax,
  sqrt,
  sub,
  type Tensor,
  transpose,
  trilu,
  unsqueeze,
  where,
} from '../index.ts';

/** One block of each of the two families that the models room builds, in plain (differentiable) operations, as small as they go. */

export const llamaShape = { hidden: 8, heads: 4, kvHeads: 2, size: 4, inner: 6, vocabulary: 7 };

export interface LlamaBlockWeights {
  embedding: Tensor; // [vocabulary, hidden], also the head
  norm1: Tensor; // [hidden]
  query: Tensor; // [hidden, heads * size]
  key: Tensor; // [hidden, kvHeads * size]
  value: Tensor; // [hidden, kvHeads * size]
  output: Tensor; // [heads * size, hidden]
  norm2: Tensor; // [hidden]
  gate: Tensor; // [hidden, inner]
  up: Tensor; // [hidden, inner]
  down: Tensor; // [inner, hidden]
}

/** Rotary position embedding of `[batch, heads, sequence, size]`, halves paired; cos and sin `[sequence, size / 2]`. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const half = (x.shape.at(-1) as number) / 2;
  const [a, b] = [slice(x, -1, 0, half), slice(x, -1, half)];
  return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], -1);
}

/** Logits `[batch, sequence, vocabulary]` of a Llama with one block. */
export function llamaBlock(
  w: LlamaBlockWeights,
  ids: Tensor,
  cos: Tensor,
  sin: Tensor,
  { heads, kvHeads, size } = llamaShape,
): Tensor {
  const [batch, sequence] = ids.shape as [string | number, string | number];
  const x = gather(w.embedding, ids);
  const split = (y: Tensor, count: number) => transpose(reshape(y, [batch, sequence, count, size]), [0, 2, 1, 3]);
  const repeat = (y: Tensor) => {
    const each = expand(unsqueeze(y, 2), [batch, kvHeads, heads / kvHeads, sequence, size]);
    return reshape(each, [batch, heads, sequence, size]);
  };
  const h = rmsNorm(x, w.norm1);
  const q = rotate(split(matmul(h, w.query), heads), cos, sin);
  const k = repeat(rotate(split(matmul(h, w.key), kvHeads), cos, sin));
  const v = repeat(split(matmul(h, w.value), kvHeads));
  const scores = mul(matmul(q, matrixTranspose(k)), 1 / Math.sqrt(size));
  const seen = trilu(expand(constant(1, x.dtype, [1, 1]), [sequence, sequence]));
  const weights = softmax(where(equal(cast(seen, 'int64'), 1), scores, -1e9));
  const attention = reshape(transpose(matmul(weights, v), [0, 2, 1, 3]), [batch, sequence, heads * size]);
  const y = add(x, matmul(attention, w.output));
  const g = rmsNorm(y, w.norm2);
  const z = add(y, matmul(mul(silu(matmul(g, w.gate)), matmul(g, w.up)), w.down));
  return matmul(z, matrixTranspose(w.embedding));
}

export const bertShape = { hidden: 6, heads: 2, size: 3, inner: 5, vocabulary: 7, positions: 4 };

export interface BertBlockWeights {
  words: Tensor; // [vocabulary, hidden]
  positions: Tensor; // [positions, hidden]
  norm0: [scale: Tensor, bias: Tensor];
  query: [weight: Tensor, bias: Tensor]; // [hidden, hidden]
  key: [Tensor, Tensor];
  value: [Tensor, Tensor];
  output: [Tensor, Tensor];
  norm1: [Tensor, Tensor];
  inner: [Tensor, Tensor]; // [hidden, inner]
  outer: [Tensor, Tensor]; // [inner, hidden]
  norm2: [Tensor, Tensor];
}

/** Sentence embeddings `[batch, hidden]` of length 1 of a BERT with one block; mask `[batch, sequence]` of 0 and 1. */
export function bertBlock(w: BertBlockWeights, ids: Tensor, places: Tensor, mask: Tensor): Tensor {
  const { heads, size, hidden } = bertShape;
  const [batch, sequence] = ids.shape as [string | number, string | number];
  const linear = (x: Tensor, [weight, bias]: [Tensor, Tensor]) => add(matmul(x, weight), bias);
  const split = (y: Tensor) => transpose(reshape(y, [batch, sequence, heads, size]), [0, 2, 1, 3]);
  const x = layerNorm(add(gather(w.words, ids), gather(w.positions, places)), ...w.norm0);
  const [q, k, v] = [w.query, w.key, w.value].map((part) => split(linear(x, part))) as [Tensor, Tensor, Tensor];
  const hiding = mul(neg(sub(1, unsqueeze(mask, [1, 2]))), 1e9);
  const weights = softmax(add(mul(matmul(q, matrixTranspose(k)), 1 / Math.sqrt(size)), hiding));
  const attention = reshape(transpose(matmul(weights, v), [0, 2, 1, 3]), [batch, sequence, hidden]);
  const y = layerNorm(add(x, linear(attention, w.output)), ...w.norm1);
  const z = layerNorm(add(y, linear(gelu(linear(y, w.inner)), w.outer)), ...w.norm2);
  const pooled = div(reduceSum(mul(z, unsqueeze(mask, -1)), 1), reduceSum(mask, 1, { keepDims: true }));
  return div(pooled, sqrt(reduceSum(mul(pooled, pooled), -1, { keepDims: true })));
}
