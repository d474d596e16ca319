import { compact, wordsOf } from '../text.ts';

export interface PaperName {
  name: string;
  kind: 'name' | 'title' | 'arxiv' | 'author';
}

/** Words before a colon that are a name: "LM-Infinite", "The Optimal BERT Surgeon", not a whole clause. */
const longestName = 4;

/**
 * What a reader may call a paper: its title, the short name before the title's colon, the slug of its descriptor, words of the
 * title in mixed case ("MobileCLIP"), its arXiv id, its authors' full names and surnames.
 */
export function namesOf(paper: {
  title: string;
  registration?: string | null;
  arxiv?: string | null;
  authors: readonly string[];
}): PaperName[] {
  const names: PaperName[] = [{ name: compact(paper.title), kind: 'title' }];
  const add = (name: string, kind: PaperName['kind']) => {
    if (name.length >= 2 && !names.some((other) => other.name === name && other.kind === kind))
      names.push({ name, kind });
  };
  const [before, after] = paper.title.split(/:\s/, 2);
  if (after !== undefined && wordsOf(before!).length <= longestName) {
    add(compact(before!), 'name');
    add(compact(before!.replace(/^(the|an?)\s+/i, '').replace(/\s+technical report$/i, '')), 'name');
  }
  for (const word of paper.title.match(/[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/gu) ?? []) {
    // A coined word: a capital after a small letter or two capitals beside small ones, no plain plural such as "LLMs".
    if (/\p{Ll}\p{Lu}|\p{Lu}{2,}\p{Ll}|\p{Lu}\p{N}\p{Lu}/u.test(word) && !/^\p{Lu}+s$/u.test(word))
      add(compact(word), 'name');
  }
  if (paper.registration) add(compact(paper.registration), 'name');
  if (paper.arxiv) add(paper.arxiv, 'arxiv');
  for (const author of paper.authors) {
    add(compact(author), 'author');
    const surname = wordsOf(author).at(-1);
    if (surname) add(surname, 'author');
  }
  return names;
}
