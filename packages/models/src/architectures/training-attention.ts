import {
  add,
  concat,
  customGradient,
  type Dimension,
  fusedMatmul,
  mul,
  reduceSum,
  reshape,
  slice,
  softmax,
  split,
  sub,
  type Tensor,
} from '@working-papers/graph';
import { denseAttention, headsApart, headsTogether, maskOf, rotatedHeads } from './attention.ts';
import { denseEncoderAttention, type EncoderParts } from './encoder.ts';
import type { Attention, AttentionConfig } from './parts.ts';

export interface TrainingAttentionOptions {
  /** Queries of a block, where the number of tokens is known when the graph is built. Default 128. */
  block?: number;
}

/**
 * Attention for training: the numbers of {@link denseAttention}, with its gradient written out. The sum of a row's probabilities times their
 * gradients is the one of its output times the output's gradient (FlashAttention-2, arXiv 2307.08691, section 3.1), and blocks of queries
 * compute nothing for keys that come after them. Positions that add to the scores, and activations that somebody looks at, go through
 * `denseAttention`.
 */
export function trainingAttention({ block = 128 }: TrainingAttentionOptions = {}): Attention {
  if (!Number.isInteger(block) || block < 1) {
    throw new Error(`A block of queries must be a whole number of at least 1; got ${block}.`);
  }
  return (input) => {
    if (input.cache || input.slots || input.watched || input.positions.bias) return denseAttention(input);
    const { query, key, value } = rotatedHeads(input);
    // A mask of the caller's own may let a query see what comes after it.
    const blocks = input.mask ? undefined : blocksOf(query.shape[2]!, block);
    return { output: mixed(input.config, { query, key, value }, maskOf(input), blocks), key, value };
  };
}

/** The same for encoders, whose tokens see each other. */
export const trainingEncoderAttention: EncoderParts['attention'] = (input) => {
  const { config, query, key, value, mask, positions, watched } = input;
  if (watched || positions?.bias || positions?.rotate) return denseEncoderAttention(input);
  const apart = (x: Tensor) => headsApart(x, config.heads, config.headDim);
  const heads = { query: apart(query), key: apart(key), value: apart(value) };
  return mixed({ ...config, kvHeads: config.heads }, heads, mask, undefined);
};

/** Places at which blocks of queries end. */
function blocksOf(sequence: Dimension, block: number): number[] | undefined {
  if (typeof sequence !== 'number' || sequence <= block) return undefined;
  return Array.from({ length: Math.ceil(sequence / block) }, (_, i) => Math.min(sequence, (i + 1) * block));
}

interface Heads {
  /** `[rows, heads, sequence, headDim]` */
  query: Tensor;
  /** `[rows, kvHeads, keys, headDim]` */
  key: Tensor;
  value: Tensor;
}

/** softmax(scale q k' + mask) v, heads together: `[rows, sequence, heads * headDim]`; a mask gets no gradient. */
function mixed(
  config: AttentionConfig,
  heads: Heads,
  mask: Tensor | undefined,
  blocks: readonly number[] | undefined,
): Tensor {
  if (!blocks) return headsTogether(block(config, heads, mask));
  const sizes = blocks.map((end, i) => end - (blocks[i - 1] ?? 0));
  const queries = split(heads.query, sizes, 2);
  const masks = mask && split(mask, sizes, -2);
  const outputs = blocks.map((end, i) => {
    const seen = (x: Tensor, axis: number) => (i === blocks.length - 1 ? x : slice(x, axis, 0, end));
    const [key, value] = [seen(heads.key, 2), seen(heads.value, 2)];
    return block(config, { query: queries[i]!, key, value }, masks && seen(masks[i]!, -1));
  });
  return headsTogether(concat(outputs, 2));
}

/** One block: `[rows, heads, queries, headDim]`. */
function block(
  { heads, kvHeads, headDim, scale }: AttentionConfig,
  { query, key, value }: Heads,
  mask: Tensor | undefined,
): Tensor {
  const [rows, , count] = query.shape as [Dimension, Dimension, Dimension];
  const shared = heads / kvHeads;
  const alpha = scale ?? 1 / Math.sqrt(headDim);
  // The queries that share a key head stand below each other: one product a key head.
  const group = (x: Tensor) => (shared === 1 ? x : reshape(x, [rows, kvHeads, times(count, shared), x.shape[3]!]));
  const ungroup = (x: Tensor) => (shared === 1 ? x : reshape(x, [rows, heads, count, x.shape[3]!]));
  const scores = ungroup(fusedMatmul(group(query), key, { transposeB: true, alpha }));
  const probabilities = group(softmax(mask ? add(scores, mask) : scores, -1));
  return customGradient(
    [query, key, value, probabilities],
    (_query, _key, v, p) => ungroup(fusedMatmul(p!, v!)),
    (given, output, [q, k, v, p]) => {
      const g = group(given);
      const along = reduceSum(mul(g, group(output)), [-1], { keepDims: true });
      const toScores = mul(p!, sub(fusedMatmul(g, v!, { transposeB: true }), along));
      return [
        ungroup(fusedMatmul(toScores, k!, { alpha })),
        fusedMatmul(toScores, group(q!), { transposeA: true, alpha }),
        fusedMatmul(p!, g, { transposeA: true }),
        undefined, // the three say it all
      ];
    },
  );
}

/** A dimension times a number; names stay names. */
function times(dimension: Dimension, factor: number): Dimension {
  return typeof dimension === 'number' ? dimension * factor : `${factor}*${dimension}`;
}
