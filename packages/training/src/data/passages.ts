/** Passages out of books, labelled with the book that they are of, no chapter in two parts. */
import { permutation, randomKey } from '../random.ts';
import { type Shares, splitByFraction } from './splits.ts';

/** A paragraph, as the house's texts have them. */
export interface ChapterRow {
  book: string;
  chapter: number;
  text: string;
}

export interface LabelledPassage {
  text: string;
  /** The book. */
  label: string;
  chapter: number;
}

export interface PassageOptions {
  /** Most tokens of a passage. */
  tokens: number;
  /** How many tokens a word is, as it stands behind another (with the space before it, for tokenizers that count it to the word). */
  countOf(word: string): number;
  /** The parts and their shares of each book's chapters, to the nearest chapter: `{ train: 0.6, validation: 0.2, test: 0.2 }`. */
  shares: Shares;
  /** How many passages of each book each part has, drawn from all of its chapters. Default: all that there are. */
  perBook?: Readonly<Record<string, number>>;
  seed: number;
}

/**
 * Passages of whole words, each as long as `tokens` allows, by part; within a part book after book, in an order of the seed. A passage
 * lies in one chapter and may begin and end within a paragraph; what is left of a chapter at its end is dropped. Which chapter is in
 * which part follows from the seed, the shares and the book's number of chapters alone, so other lengths give the same split.
 * Throws a RangeError when a part has fewer passages of a book than were asked for.
 */
export function passagesByChapter(
  rows: Iterable<ChapterRow>,
  { tokens, countOf, shares, perBook, seed }: PassageOptions,
): Record<string, LabelledPassage[]> {
  if (!(Number.isInteger(tokens) && tokens > 0))
    throw new RangeError(`A passage has at least 1 token; got ${tokens}. Give a whole number above 0.`);
  const books = new Map<string, Map<number, string[]>>();
  for (const { book, chapter, text } of rows) {
    const chapters = books.get(book) ?? new Map<number, string[]>();
    const paragraphs = chapters.get(chapter) ?? [];
    paragraphs.push(text);
    books.set(book, chapters.set(chapter, paragraphs));
  }
  const parts: Record<string, LabelledPassage[]> = Object.fromEntries(Object.keys(shares).map((part) => [part, []]));
  const counts = new Map<string, number>();
  const counted = (word: string) => {
    const known = counts.get(word) ?? countOf(word);
    counts.set(word, known);
    return known;
  };
  for (const [book, chapters] of books) {
    for (const [part, numbers] of Object.entries(splitByFraction([...chapters.keys()], shares, seed))) {
      const all = numbers
        .toSorted((a, b) => a - b)
        .flatMap((chapter) =>
          textsOf(chapters.get(chapter)!, tokens, counted).map((text) => ({ text, label: book, chapter })),
        );
      const wanted = perBook?.[part] ?? all.length;
      if (all.length < wanted)
        throw new RangeError(
          `"${book}" has ${all.length} passages of ${tokens} tokens in ${part}, and ${wanted} were asked for. Ask for fewer or shorter ones, or give ${part} a larger share.`,
        );
      const order = permutation(randomKey(seed, 'passages', book, part), all.length);
      parts[part]!.push(...Array.from(order.subarray(0, wanted), (index) => all[index]!));
    }
  }
  return parts;
}

/** The passages of a chapter, one after the other. A word of more tokens than a passage has is left out, with what stood before it. */
function textsOf(paragraphs: readonly string[], tokens: number, countOf: (word: string) => number): string[] {
  const texts: string[] = [];
  let words: string[] = [];
  let held = 0;
  for (const word of paragraphs.join(' ').split(/\s+/).filter(Boolean)) {
    const count = countOf(word);
    if (held + count > tokens) {
      if (count <= tokens) texts.push(words.join(' '));
      [words, held] = [[], 0];
      if (count > tokens) continue;
    }
    words.push(word);
    held += count;
  }
  return texts;
}
