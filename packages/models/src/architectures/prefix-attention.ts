import { add, concat, expand, pad, range, slice, type Tensor, unsqueeze } from '@working-papers/graph';
import { attend, needed, rotatedHeads } from './attention.ts';
import { causalMask, windowMask } from './masks.ts';
import type { Attention, AttentionInput } from './parts.ts';

/** Keys (after their rotation) and values that stand before a text's own, for one layer: each `[1 or rows, kvHeads, tokens, headDim]`. */
export interface LayerPrefix {
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * Softmax attention in plain operations over keys and values that are given, one prefix a layer, and behind them those of the whole
 * sequence: prefix tuning (arXiv 2101.00190). Every token sees the prefix, as far as a window reaches; gradients flow to it. A given
 * mask is of the sequence alone, `[rows or 1, 1 or heads, sequence, sequence]`, and so are the keys and values that come out.
 * Position ids go on behind the prefix. Throws a sentence over a cache, into which a prefix is loaded instead.
 */
export function prefixAttention(prefix: readonly LayerPrefix[]): Attention {
  return (input) => {
    const { config, cache, slots, layer, positions, positionIds } = input;
    if (cache || slots) {
      throw new Error(
        'prefixAttention computes a whole sequence; load the prefix into the cache (KVCache.load) instead.',
      );
    }
    const before = prefix[layer];
    if (!before)
      throw new Error(`The prefix has keys and values of ${prefix.length} layers, and none of layer ${layer}.`);
    const { query, key, value } = rotatedHeads(input); // [rows, heads or kvHeads, sequence, headDim]
    const tokens = before.key.shape[2]!;
    const behind = (given: Tensor, own: Tensor) =>
      concat([expand(given, [own.shape[0]!, config.kvHeads, tokens, config.headDim]), own], 2);
    const keys = behind(before.key, key);
    const keyPositions =
      positions.bias && concat([rowsOf(range(0, tokens), needed(positionIds)), needed(positionIds)], 1);
    const mask = maskBehind(input, keys, tokens as number);
    const { output } = attend(input, query, keys, behind(before.value, value), mask, positionIds, keyPositions);
    return { output, key, value };
  };
}

/** `[..., sequence, tokens + sequence]`: what a text's tokens see of the prefix and of each other. */
function maskBehind({ mask, window }: AttentionInput, keys: Tensor, tokens: number): Tensor {
  const total = keys.shape[2]!;
  const own = (whole: Tensor) => slice(whole, 0, tokens);
  if (!mask) return own(causalMask(total, window));
  const beside = pad(mask, [...mask.shape.slice(0, -1).map((): [number, number] => [0, 0]), [tokens, 0]]);
  return window === undefined ? beside : add(beside, own(windowMask(total, window)));
}

/** Places `[tokens]` for each row of `[rows, sequence]`. */
const rowsOf = (places: Tensor, like: Tensor): Tensor =>
  expand(unsqueeze(places, [0]), [like.shape[0]!, places.shape[0]!]);
