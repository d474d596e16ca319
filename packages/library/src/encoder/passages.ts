import { sentencesOf } from '../text.ts';

/** Sentences of an abstract that are embedded. */
const mostSentences = 24;

/** The texts of a paper that are embedded: the whole, then its sentences. */
export function passagesOf(paper: { title: string; abstract: string }): string[] {
  const sentences = sentencesOf(paper.abstract).filter((sentence) => sentence.length >= 20);
  return [`${paper.title}. ${paper.abstract}`, ...sentences.slice(0, mostSentences)];
}
