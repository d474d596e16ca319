/**
 * What a training loop is fed: rows become sequences, sequences batches, in streams that go on where they were left.
 *
 *     const rows = await openDataset('corpus', { split: 'train' });                       // @working-papers/training/node
 *     const epochs = repeated(3, (epoch) => shuffledBuffers(rows.shuffledFiles({ seed, epoch }), { seed, epoch, items: 10_000 }));
 *     const texts = tokenised(epochs, (row) => textSequence(tokenizer, textOf(row, 'text')));
 *     const batches = padded(grouped(chunked(texts, { length: 512, separator: tokenizer.eosIds[0] }), 8));
 *     await train(step, batchSource(batches, checkpoint?.batches), options);
 */

export { type Batch, type BucketOptions, batchOf, bucketed, type PaddingOptions, padded } from './batch.ts';
export { batchSource, inputSource, tensorsOf } from './batch-source.ts';
export {
  type ConversationOptions,
  chatSequence,
  completionSequence,
  labelsWithin,
  type Span,
} from './completions.ts';
export { type MaskingOptions, maskTokens } from './masked-lm.ts';
export { type ChunkOptions, chunked, type PackOptions, packed } from './packing.ts';
export { type ChapterRow, type LabelledPassage, type PassageOptions, passagesByChapter } from './passages.ts';
export { charactersOf, type DataRow, fieldOf, rowsOf, textOf } from './row.ts';
export { ignored, type Sequence, type SequenceOptions, textSequence, tokenised } from './sequence.ts';
export { type Order, shuffled, shuffledBuffers } from './shuffle.ts';
export { onlyPart, partOf, type Shares, splitByFraction, splitByGroup } from './splits.ts';
export { type BufferSize, buffered, expanded, filtered, grouped, listed, mapped, repeated } from './stages.ts';
export { collected, type Placed, type Position, type Reader, type Stream, streamOf } from './stream.ts';
export { classOf, classSequence, type TaggedSpan, type TagOptions, taggedText, taggedWords } from './tags.ts';
