/** Random order from a seed, without any state but a count. */
import { permutation, randomKey } from '../random.ts';
import { type BufferSize, buffered } from './stages.ts';
import { countIn, type Stream, streamOf } from './stream.ts';

/** What an order follows from. */
export interface Order {
  seed: number;
  /** Another one each epoch; default 0. */
  epoch?: number;
}

/** The items in a random order, every order as likely as the others. Takes 4 bytes an item beside the list. */
export function shuffled<T>(items: readonly T[], { seed, epoch = 0 }: Order): Stream<T> {
  return streamOf(
    'shuffle',
    () => ({ index: 0 }),
    async function* (from) {
      const order = permutation(randomKey(seed, 'shuffle', epoch), items.length);
      for (let index = countIn(from, 'index', items.length); index < items.length; index++)
        yield { item: items[order[index]!]!, after: { stage: 'shuffle', index: index + 1 } };
    },
  );
}

/**
 * A stream shuffled within buffers of so many items: for streams too long for memory. An item moves by a buffer at most, so files whose
 * rows stand in order (by date, by class) need their files shuffled too, or be written shuffled.
 */
export function shuffledBuffers<T>(
  source: Stream<T>,
  { seed, epoch = 0, ...buffer }: Order & BufferSize<T>,
): Stream<T> {
  return buffered('shuffle buffers', source, buffer, (items, number) => {
    const order = permutation(randomKey(seed, 'shuffle', epoch, number), items.length);
    return Array.from(order, (index) => items[index]!);
  });
}
