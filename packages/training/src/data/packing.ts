/** Texts of any length as sequences of one length, with little or no padding. */
import { permutation, randomKey } from '../random.ts';
import { ignored, type Sequence } from './sequence.ts';
import { buffered, checkCount } from './stages.ts';
import { countIn, type Position, type Stream, sourceIn, streamOf } from './stream.ts';

export interface ChunkOptions {
  /** Tokens a sequence. */
  length: number;
  /** The id that stands behind each text, learnt like any other. */
  separator?: number;
  /** Texts see themselves alone, from position 0, and the first token of each is not learnt. Default: a sequence is one text. */
  segments?: boolean;
  /** What is left at the end of the stream: a shorter sequence, or nothing. Default 'keep'. */
  last?: 'keep' | 'drop';
}

/** A stretch of a text. */
interface Piece {
  text: Sequence;
  start: number;
  end: number;
}

/** All texts end to end, cut every `length` tokens. */
export function chunked(texts: Stream<Sequence>, options: ChunkOptions): Stream<Sequence> {
  const { length, separator, segments = false, last = 'keep' } = options;
  checkCount('A sequence', length, 'token');
  const stage = 'chunk';
  // `used`: tokens of the next text that went before.
  return streamOf(
    stage,
    () => ({ used: 0, source: texts.from().position() }),
    async function* (from) {
      const reader = texts.from(sourceIn(from));
      let used = countIn(from, 'used');
      let before: Position = sourceIn(from);
      let pieces: Piece[] = [];
      let room = length;
      const place = (): Position =>
        used > 0 ? { stage, used, source: before } : { stage, used: 0, source: reader.position() };
      for await (const read of reader) {
        const text = separator === undefined ? read : endedBy(read, separator);
        const { length: tokens } = text.ids;
        if (used > 0) countIn(from, 'used', tokens);
        while (used < tokens) {
          const end = Math.min(tokens, used + room);
          pieces.push({ text, start: used, end });
          room -= end - used;
          used = end < tokens ? end : 0;
          if (room === 0) {
            const item = joined(pieces, segments);
            [pieces, room] = [[], length];
            yield { item, after: place() };
          }
          if (used === 0) break;
        }
        before = reader.position();
      }
      if (pieces.length > 0 && last === 'keep') yield { item: joined(pieces, segments), after: place() };
    },
  );
}

const endedBy = (text: Sequence, separator: number): Sequence => ({
  ...text,
  ids: [...text.ids, separator],
  special: [...(text.special ?? zeros(text)), 1],
  ...(text.labels ? { labels: [...text.labels, separator] } : {}),
  ...(text.typeIds ? { typeIds: [...text.typeIds, text.typeIds.at(-1) ?? 0] } : {}),
});

const zeros = ({ ids }: Sequence): number[] => ids.map(() => 0);

export interface PackOptions {
  /** Most tokens a sequence holds. */
  length: number;
  /** Texts that are packed together; default 1,024. All of them are held at once. */
  buffer?: number;
  /** Of the order of the sequences, which packing leaves sorted by their longest text. */
  seed: number;
  epoch?: number;
}

/**
 * Whole texts packed into sequences of at most `length` tokens, best fit decreasing within stretches of the stream: no text is cut that
 * fits at all, and longer ones are cut into as few pieces as hold them (Best-fit Packing: Ding et al., 2024, arXiv 2404.10830, section 3).
 * Each piece is a segment: it sees itself alone, has positions from 0, and its first token is not learnt.
 */
export function packed(texts: Stream<Sequence>, options: PackOptions): Stream<Sequence> {
  const { length, buffer = 1024, seed, epoch = 0 } = options;
  checkCount('A sequence', length, 'token');
  return buffered('pack', texts, { items: buffer }, (held, number) => {
    const pieces = held.flatMap((text): Piece[] => {
      const count = Math.ceil(text.ids.length / length);
      return Array.from({ length: count }, (_, index) => ({
        text,
        start: index * length,
        end: Math.min(text.ids.length, (index + 1) * length),
      }));
    });
    pieces.sort((one, other) => other.end - other.start - (one.end - one.start));
    const rows = bestFit(pieces, length);
    const order = permutation(randomKey(seed, 'packed rows', epoch, number), rows.length);
    return Array.from(order, (row) => joined(rows[row]!, true));
  });
}

/** Puts each piece, in order, into the fullest row that still has room for it. */
function bestFit(pieces: readonly Piece[], length: number): Piece[][] {
  const rows: Piece[][] = [];
  /** Rows by the room that is left in them. */
  const withRoom: Piece[][][] = Array.from({ length: length + 1 }, () => []);
  for (const piece of pieces) {
    const size = piece.end - piece.start;
    let room = size;
    while (room < length && withRoom[room]!.length === 0) room++;
    let row = withRoom[room]!.pop();
    if (!row) {
      row = [];
      room = length;
      rows.push(row);
    }
    row.push(piece);
    withRoom[room - size]!.push(row);
  }
  return rows;
}

/** Pieces end to end; as segments, each begins anew. */
function joined(pieces: readonly Piece[], segments: boolean): Sequence {
  const length = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  /** A list of what stands at each token: of the piece `index`, at a place of its text. */
  const list = (of: (text: Sequence, index: number) => (place: number) => number): number[] => {
    const joint = new Array<number>(length);
    let at = 0;
    for (const [index, { text, start, end }] of pieces.entries()) {
      const value = of(text, index);
      for (let place = start; place < end; place++) joint[at++] = value(place);
    }
    return joint;
  };
  const some = (field: 'labels' | 'special' | 'typeIds' | 'label') =>
    pieces.some(({ text }) => text[field] !== undefined);
  if (some('label'))
    throw new Error(
      'A text with a class of its own cannot be packed with others. Group such texts by their length instead.',
    );
  const filled = (field: 'special' | 'typeIds') =>
    some(field) ? { [field]: list((text) => (place) => text[field]?.[place] ?? 0) } : {};
  const whole: Sequence = {
    ids: list((text) => (place) => text.ids[place]!),
    ...filled('special'),
    ...filled('typeIds'),
  };
  const labelOf = ({ ids, labels = ids }: Sequence, place: number) => labels[place]!;
  if (!segments) return some('labels') ? { ...whole, labels: list((text) => (place) => labelOf(text, place)) } : whole;
  return {
    ...whole,
    labels: list((text, index) => (place) => (place === pieces[index]!.start ? ignored : labelOf(text, place))),
    segments: list((_, index) => () => index + 1),
    positions: list((_, index) => (place) => place - pieces[index]!.start),
  };
}
