/** What streams are made of. A stage keeps nothing that its position does not say. */
import { countIn, type Position, type Stream, sourceIn, streamOf } from './stream.ts';

/** The items of a list. */
export function listed<T>(items: readonly T[]): Stream<T> {
  return streamOf(
    'list',
    () => ({ index: 0 }),
    async function* (from) {
      for (let index = countIn(from, 'index', items.length); index < items.length; index++)
        yield { item: items[index]!, after: { stage: 'list', index: index + 1 } };
    },
  );
}

/**
 * What `make` makes of each item. `index` counts the items from the start of the stream, through all epochs when it stands behind
 * {@link repeated}: chance that is to differ each time can hang on it.
 */
export function mapped<T, U>(source: Stream<T>, make: (item: T, index: number) => U | Promise<U>): Stream<U> {
  const stage = 'map';
  return streamOf(
    stage,
    () => ({ index: 0, source: source.from().position() }),
    async function* (from) {
      const reader = source.from(sourceIn(from));
      let index = countIn(from, 'index');
      for await (const item of reader) {
        const made = await make(item, index++);
        yield { item: made, after: { stage, index, source: reader.position() } };
      }
    },
  );
}

/** The items for which `keeps` answers true. */
export function filtered<T>(source: Stream<T>, keeps: (item: T) => boolean): Stream<T> {
  return expanded(source, (item) => (keeps(item) ? [item] : []));
}

/** None, one or several items of each. The position within those of one item is a count: `make` must give the same each time. */
export function expanded<T, U>(source: Stream<T>, make: (item: T) => readonly U[]): Stream<U> {
  const stage = 'expand';
  return streamOf(
    stage,
    () => ({ within: 0, source: source.from().position() }),
    async function* (from) {
      const reader = source.from(sourceIn(from));
      let within = countIn(from, 'within');
      let before: Position = sourceIn(from);
      for await (const item of reader) {
        const made = make(item);
        const behind = reader.position();
        if (within > 0) countIn(from, 'within', made.length - 1);
        while (within < made.length) {
          const one = made[within++]!;
          const after = within < made.length ? { stage, within, source: before } : { stage, within: 0, source: behind };
          yield { item: one, after };
        }
        within = 0;
        before = behind;
      }
    },
  );
}

/** Lists of `count` items; the last has what is left, or is left out with `last: 'drop'`. */
export function grouped<T>(
  source: Stream<T>,
  count: number,
  { last = 'keep' }: { last?: 'keep' | 'drop' } = {},
): Stream<T[]> {
  checkCount('A group', count, 'item');
  const stage = 'group';
  return streamOf(
    stage,
    () => ({ source: source.from().position() }),
    async function* (from) {
      const reader = source.from(sourceIn(from));
      let group: T[] = [];
      for await (const item of reader) {
        group.push(item);
        if (group.length < count) continue;
        yield { item: group, after: { stage, source: reader.position() } };
        group = [];
      }
      if (group.length > 0 && last === 'keep') yield { item: group, after: { stage, source: reader.position() } };
    },
  );
}

/** How much of a stream is held at once. */
export interface BufferSize<T> {
  /** Most items. */
  items: number;
  /** What an item weighs, and the weight at which a buffer ends though it has fewer items. */
  weigh?: { of: (item: T) => number; most: number };
}

/**
 * Reads a buffer of items, arranges them, gives what came of it, and reads the next. A reader that goes on within a buffer reads that
 * buffer again: its position is where the buffer began and how much of it was given.
 * @param arrange the items of a buffer and its number, counted from 0; must give the same each time
 */
export function buffered<T, U>(
  stage: string,
  source: Stream<T>,
  { items, weigh }: BufferSize<T>,
  arrange: (items: T[], buffer: number) => readonly U[],
): Stream<U> {
  checkCount('A buffer', items, 'item');
  const start = () => ({ buffer: 0, given: 0, source: source.from().position() });
  return streamOf(stage, start, async function* (from) {
    const reader = source.from(sourceIn(from));
    let buffer = countIn(from, 'buffer');
    let given = countIn(from, 'given');
    try {
      for (;;) {
        const begin = reader.position();
        const held: T[] = [];
        let weight = 0;
        while (held.length < items && weight < (weigh?.most ?? Number.POSITIVE_INFINITY)) {
          const { done, value } = await reader.next();
          if (done) break;
          held.push(value);
          if (weigh) weight += weigh.of(value);
        }
        if (held.length === 0) return;
        const arranged = arrange(held, buffer);
        if (given > arranged.length) countIn(from, 'given', arranged.length);
        while (given < arranged.length) {
          const item = arranged[given++]!;
          const after =
            given < arranged.length
              ? { stage, buffer, given, source: begin }
              : { stage, buffer: buffer + 1, given: 0, source: reader.position() };
          yield { item, after };
        }
        buffer++;
        given = 0;
      }
    } finally {
      await reader.return();
    }
  });
}

/**
 * One stream after another: epochs.
 * @param times how many; Infinity goes on for ever
 * @param epoch makes the stream of an epoch, counted from 0: `(epoch) => shuffled(rows, { seed, epoch })`
 */
export function repeated<T>(times: number, epoch: (epoch: number) => Stream<T>): Stream<T> {
  if (times !== Number.POSITIVE_INFINITY) checkCount('A stream is repeated', times, 'time');
  const stage = 'epochs';
  return streamOf(
    stage,
    () => ({ epoch: 0, source: epoch(0).from().position() }),
    async function* (from) {
      let source: Position | undefined = sourceIn(from);
      for (let number = countIn(from, 'epoch'); number < times; number++) {
        const reader = epoch(number).from(source);
        let empty = source === undefined;
        for await (const item of reader) {
          empty = false;
          yield { item, after: { stage, epoch: number, source: reader.position() } };
        }
        if (empty && times === Number.POSITIVE_INFINITY)
          throw new Error(`Epoch ${number} has nothing in it, and would be repeated for ever. Give data with rows.`);
        source = undefined;
      }
    },
  );
}

/** Throws a RangeError unless it is a whole number of at least 1. */
export function checkCount(what: string, count: number, unit: string): void {
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`${what} has at least 1 ${unit}; got ${count}. Give a whole number.`);
}
