import { concat, type Dimension, gather, input, range, reshape, type Tensor, unsqueeze } from '@working-papers/graph';
import type { EncoderParts } from './encoder.ts';
import type { Attention } from './parts.ts';

/** Where the segments of packed rows lie, as inputs of a graph; a segment is a stretch of a row that sees itself alone. */
export interface SegmentInputs {
  /**
   * For each segment int64 `[1, length.N]`: the places row * sequence + token that are its tokens, in order. Segments of one length may
   * stand below each other, `[count.N, length.N]`.
   */
  readonly places: readonly Tensor[];
  /** int64 `[rows, sequence]`: where each place stands among the segments laid end to end; any number for one outside of all. */
  readonly order: Tensor;
}

/** Inputs `segment.N` and `order` for so many segments, or for so many stacks of segments of one length. */
export function segmentInputs(count: number, { stacked = false }: { stacked?: boolean } = {}): SegmentInputs {
  return {
    places: Array.from({ length: count }, (_, segment) =>
      input(`segment.${segment}`, 'int64', [stacked ? `count.${segment}` : 1, `length.${segment}`]),
    ),
    order: input('order', 'int64', ['rows', 'sequence']),
  };
}

/** Tokens `[rows, sequence, width]` as `[1, length, width]` a segment, or `[count, length, width]` a stack. */
export function takeSegments(tokens: Tensor, { places }: SegmentInputs): Tensor[] {
  const flat = reshape(tokens, [-1, tokens.shape[2]!]);
  return places.map((at) => gather(flat, at, 0));
}

/** What was computed of each, as {@link takeSegments} gives it, back at its places: `[rows, sequence, width]`. */
export function returnSegments(parts: readonly Tensor[], { order }: SegmentInputs, width: Dimension): Tensor {
  const rows = parts.map((part) => reshape(part, [-1, width]));
  return gather(concat(rows, 0), order, 0);
}

/**
 * `within` for each segment by itself: work and memory grow with the sum of the squared lengths of the segments, and nothing of
 * the size row x row is built. Positions begin at 0 in every segment. Keys and values come out as
 * `[1, kvHeads, sum of lengths, headDim]`, the segments end to end.
 */
export function segmentedAttention(within: Attention, segments: SegmentInputs): Attention {
  const positions = segments.places.map((at) => unsqueeze(range(0, at.shape[1]!), [0]));
  return (whole) => {
    const { config } = whole;
    const parts = takeSegments(whole.qkv, segments).map((qkv, segment) =>
      within({ ...whole, qkv, positionIds: positions[segment], mask: undefined }),
    );
    return {
      output: returnSegments(
        parts.map(({ output }) => output),
        segments,
        config.heads * config.headDim,
      ),
      key: concat(
        parts.map(({ key }) => key),
        2,
      ),
      value: concat(
        parts.map(({ value }) => value),
        2,
      ),
    };
  };
}

/** The same for an encoder: each segment sees all of itself. */
export function segmentedEncoderAttention(
  within: EncoderParts['attention'],
  segments: SegmentInputs,
): EncoderParts['attention'] {
  const positions = segments.places.map((at) => unsqueeze(range(0, at.shape[1]!), [0]));
  return (whole) => {
    const [query, key, value] = [whole.query, whole.key, whole.value].map((tokens) => takeSegments(tokens, segments));
    const parts = query!.map((part, segment) =>
      within({
        ...whole,
        query: part,
        key: key![segment]!,
        value: value![segment]!,
        positionIds: positions[segment]!,
        mask: undefined,
      }),
    );
    return returnSegments(parts, segments, whole.config.heads * whole.config.headDim);
  };
}
