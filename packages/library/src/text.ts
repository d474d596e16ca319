/** Words as the library compares them: folded to plain lower-case letters, so that accents and spelling of names do not matter. */

/** Letters that Unicode does not take apart. */
const letters: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
};

/** Lower case without accents: "Müller" and "Muller" are one word, "Łukasz" and "lukasz" too. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{Mark}+/gu, '')
    .toLowerCase()
    .replace(/[ßæœøđðþłħı]/g, (letter) => letters[letter]!);
}

/** Letters and digits alone: "LM-Infinite", "lm infinite" and "LMInfinite" are one name. */
export const compact = (text: string): string => fold(text).replace(/[^\p{Letter}\p{Number}]+/gu, '');

/** The folded words of a text, in order. A hyphen parts words. */
export const wordsOf = (text: string): string[] => fold(text).match(/[\p{Letter}\p{Number}]+/gu) ?? [];

/** Lower-case words joined by hyphens, at most about 60 characters, for an address. */
export function slugify(title: string): string {
  let slug = '';
  for (const word of wordsOf(title)) {
    if (slug && slug.length + word.length + 1 > 60) break;
    slug = slug ? `${slug}-${word}` : word.slice(0, 60);
  }
  return slug || 'paper';
}

/** Abbreviations after which a full stop ends no sentence. */
const abbreviation = /(?:\b(?:e\.g|i\.e|etc|et al|vs|cf|Fig|Eq|Sec|Dr|approx|resp)|\b[A-Z])\.$/;

/** The sentences of a text, trimmed, in order. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let begin = 0;
  for (const match of text.matchAll(/[.!?]["')\]]*(?=\s+["'(]?[\p{Lu}\p{N}])|\n{2,}/gu)) {
    const end = match.index + match[0].length;
    const sentence = text.slice(begin, end).trim();
    if (abbreviation.test(sentence)) continue;
    if (sentence) sentences.push(sentence);
    begin = end;
  }
  const rest = text.slice(begin).trim();
  if (rest) sentences.push(rest);
  return sentences;
}
