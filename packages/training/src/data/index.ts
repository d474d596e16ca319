export { type Batch, type BucketOptions, batchOf, bucketed, type PaddingOptions, padded } from './batch.ts';
export {
  type ConversationOptions,
  chatSequence,
  completionSequence,
  labelsWithin,
  type Span,
} from './completions.ts';
export { type MaskingOptions, maskTokens } from './masked-lm.ts';
export { type ChunkOptions, chunked, type PackOptions, packed } from './packing.ts';
export { type DataRow, fieldOf, rowsOf, textOf } from './row.ts';
export { ignored, type Sequence, type SequenceOptions, textSequence, tokenised } from './sequence.ts';
export { type Order, shuffled, shuffledWindows } from './shuffle.ts';
export { onlyPart, partOf, type Shares, splitByFraction, splitByGroup } from './splits.ts';
export { expanded, filtered, grouped, listed, mapped, repeated, type Window, windowed } from './stages.ts';
export { collected, type Placed, type Position, type Reader, type Stream, streamOf } from './stream.ts';
export { classOf, classSequence, type TaggedSpan, type TagOptions, taggedText, taggedWords } from './tags.ts';
