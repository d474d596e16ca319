/** Sequences as the arrays that a step is given. */
import { permutation, randomKey } from '../random.ts';
import { ignored, type Sequence } from './sequence.ts';
import type { Order } from './shuffle.ts';
import { type BufferSize, buffered, checkCount, mapped } from './stages.ts';
import type { Stream } from './stream.ts';

/** Rows of one length. All arrays but a class's labels are `[rows, length]`, row by row; a model takes them as int64 tensors. */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  /** Whether the labels are the rows' own, one each. */
  readonly classes: boolean;
  readonly ids: BigInt64Array;
  /** 1 for a token, 0 for padding. */
  readonly mask: BigInt64Array;
  /**
   * What is learnt at each token, -100 where nothing is: not shifted, so a decoder's loss compares the logits of a place with the label
   * of the next. `[rows]` where the sequences have a class each.
   */
  readonly labels: BigInt64Array;
  /** Which text of its row a token is of, counted from 1; 0 for padding. */
  readonly segments?: BigInt64Array;
  /** The place of each token in its text; 0 for padding. */
  readonly positions?: BigInt64Array;
  /** 1 for tokens of the second text of a pair. */
  readonly tokenTypes?: BigInt64Array;
}

export interface PaddingOptions {
  /** Stands where a row has no token. Default 0; any does, the mask says where it is. */
  padId?: number;
  /** Tokens a row; default the longest row's number, rounded up to `multipleOf`. */
  length?: number;
  /** Default 1. A model compiled for few lengths is compiled seldom. */
  multipleOf?: number;
  /** Default 'right'. */
  side?: 'right' | 'left';
}

/**
 * Sequences as the rows of a batch, padded to one length. Throws a sentence for a row that is longer than `length`, and for rows some of
 * which have a class, segments or a second text and some not.
 */
export function batchOf(sequences: readonly Sequence[], options: PaddingOptions = {}): Batch {
  const { padId = 0, multipleOf = 1, side = 'right' } = options;
  checkCount('A batch', sequences.length, 'sequence');
  checkCount('A row is padded to a multiple that', multipleOf, 'token');
  const longest = sequences.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  const length = options.length ?? Math.ceil(longest / multipleOf) * multipleOf;
  if (longest > length)
    throw new Error(
      `A sequence has ${longest} tokens, and rows of ${length} were asked for. Cut it (maxLength) or make rows longer.`,
    );
  const rows = sequences.length;
  const grid = (of: (sequence: Sequence) => readonly number[], padding: number): BigInt64Array => {
    const cells = new BigInt64Array(rows * length).fill(BigInt(padding));
    for (const [row, sequence] of sequences.entries()) {
      const start = row * length + (side === 'left' ? length - sequence.ids.length : 0);
      const values = of(sequence);
      for (let place = 0; place < values.length; place++) cells[start + place] = BigInt(values[place]!);
    }
    return cells;
  };
  const every = (field: 'label' | 'segments' | 'positions' | 'typeIds'): boolean => {
    const count = sequences.filter((sequence) => sequence[field] !== undefined).length;
    if (count === 0 || count === rows) return count > 0;
    throw new Error(`Of the ${rows} sequences of a batch ${count} have "${field}". All have it, or none.`);
  };
  const classes = every('label');
  return {
    rows,
    length,
    classes,
    ids: grid(({ ids }) => ids, padId),
    mask: grid(({ ids }) => ids.map(() => 1), 0),
    labels: classes
      ? BigInt64Array.from(sequences, ({ label }) => BigInt(label!))
      : grid(({ ids, labels }) => labels ?? ids, ignored),
    ...(every('segments') ? { segments: grid(({ segments }) => segments!, 0) } : {}),
    ...(every('positions') ? { positions: grid(({ positions }) => positions!, 0) } : {}),
    ...(every('typeIds') ? { tokenTypes: grid(({ typeIds }) => typeIds!, 0) } : {}),
  };
}

/** Groups of sequences as batches; see {@link batchOf}. */
export const padded = (groups: Stream<readonly Sequence[]>, options: PaddingOptions = {}): Stream<Batch> =>
  mapped(groups, (sequences) => batchOf(sequences, options));

export interface BucketOptions extends Order {
  /** Most rows of a batch. */
  rows: number;
  /** Most tokens of a batch, padding included: batches of short sequences have more rows, up to `rows`. A longer sequence is alone. */
  tokens?: number;
  /** Sequences that are sorted together; default 50 batches' of `rows`. */
  buffer?: number;
}

/**
 * Groups of sequences of about the same length, so that little of a batch is padding: stretches of the stream are sorted by length, cut
 * into groups, and the groups given in random order. What has one length is in random order too. The last group of a buffer may be smaller.
 */
export function bucketed(source: Stream<Sequence>, options: BucketOptions): Stream<Sequence[]> {
  const { rows, tokens = Number.POSITIVE_INFINITY, seed, epoch = 0 } = options;
  checkCount('A batch', rows, 'row');
  const buffer: BufferSize<Sequence> = { items: options.buffer ?? 50 * rows };
  return buffered('bucket', source, buffer, (held, number) => {
    const key = randomKey(seed, 'buckets', epoch, number);
    const mixed = Array.from(permutation(key, held.length), (index) => held[index]!);
    mixed.sort((one, other) => other.ids.length - one.ids.length);
    const groups: Sequence[][] = [];
    let most = 0;
    for (const sequence of mixed) {
      const group = groups.at(-1);
      if (group && group.length < most) {
        group.push(sequence);
        continue;
      }
      // The longest of a group is its first, which decides how many fit.
      most = Math.max(1, Math.min(rows, Math.floor(tokens / Math.max(1, sequence.ids.length))));
      groups.push([sequence]);
    }
    const order = permutation(randomKey(seed, 'bucket order', epoch, number), groups.length);
    return Array.from(order, (index) => groups[index]!);
  });
}
