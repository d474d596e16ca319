/** Streams that can be left at any item and taken up there again, in another process or on another machine. */

/**
 * Where a reader stands: small, plain, the same after JSON. What the fields mean is known to the stage that wrote them; `source` is the
 * position of what it reads from.
 */
export interface Position {
  readonly stage: string;
  readonly [field: string]: string | number | Position;
}

/** Items in an order that follows from how the stream was made and from nothing else. */
export interface Stream<T> {
  /**
   * Reads from the start, or from the position of a reader of a stream that was made in the same way: what comes then is what would
   * have come. Throws a sentence when the position is of another kind of stream.
   */
  from(position?: Position): Reader<T>;
}

/** Reads a stream once. Leaving a `for await` loop early closes what was opened. */
export interface Reader<T> extends AsyncIterableIterator<T> {
  /** Behind the item given last: where the next one begins. */
  position(): Position;
  /** Closes what was opened. */
  return(): Promise<IteratorResult<T>>;
}

/** An item with the position behind it. */
export interface Placed<T> {
  item: T;
  after: Position;
}

/**
 * A stream from a generator.
 * @param stage names the kind of stream in its positions
 * @param start the position of the first item
 * @param read gives the items from a position on, each with the position behind it
 */
export function streamOf<T>(
  stage: string,
  start: () => Omit<Position, 'stage'>,
  read: (from: Position) => AsyncGenerator<Placed<T>, void, undefined>,
): Stream<T> {
  return {
    from(position = { ...start(), stage }) {
      if (position === null || typeof position !== 'object' || position.stage !== stage)
        throw new Error(
          `The position is of the stage "${String(position?.stage)}", and here stands "${stage}". Go on with the stages that the position was taken from.`,
        );
      const items = read(position);
      let at = position;
      return {
        position: () => at,
        async next() {
          const { done, value } = await items.next();
          if (done) return { done: true, value: undefined };
          at = value.after;
          return { done: false, value: value.item };
        },
        async return() {
          await items.return();
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  };
}

/** A whole number of at least 0 in a position, at most `most`. Throws a sentence for anything else. */
export function countIn(position: Position, field: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = position[field];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new Error(
    `The position of the stage "${position.stage}" has "${field}": ${JSON.stringify(value)}; it must be a whole number${most === Number.MAX_SAFE_INTEGER ? '' : ` of at most ${most}`}. Was it taken from other data?`,
  );
}

/** The position of what the stage reads from. */
export function sourceIn(position: Position): Position {
  const { source } = position;
  if (typeof source === 'object' && source !== null) return source;
  throw new Error(
    `The position of the stage "${position.stage}" has no source. Go on with a position as it was given.`,
  );
}

/** All items of a stream, in memory. */
export async function collected<T>(stream: Stream<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream.from()) items.push(item);
  return items;
}
