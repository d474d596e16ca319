import { largest } from './labels.ts';
import type { Aggregation, Entity } from './types.ts';

/** A token of a text with what a head makes of it. */
export interface ClassifiedToken {
  /** Among the tokens, special ones counted. */
  place: number;
  id: number;
  token: string;
  /** In UTF-16 code units of the text. */
  start: number;
  end: number;
  /** Probability of each label. */
  scores: Float64Array;
  /** Whether it goes on with the word of the token before. */
  isSubword: boolean;
}

interface Labelled {
  label: string;
  score: number;
  start: number;
  end: number;
}

/** The entities of a text's tokens, in their order. */
export function entitiesOf(
  text: string,
  tokens: readonly ClassifiedToken[],
  labels: readonly string[],
  aggregation: Aggregation,
): Entity[] {
  const labelled = (scores: Float64Array, { start, end }: { start: number; end: number }): Labelled => {
    const [best] = largest(scores, 1);
    return { label: labels[best!]!, score: scores[best!]!, start, end };
  };
  const entity = (found: Labelled): Entity => ({ ...found, text: text.slice(found.start, found.end) });
  if (aggregation === 'none') {
    return tokens.map((token) => ({
      ...entity(labelled(token.scores, token)),
      token: { place: token.place, id: token.id, token: token.token },
    }));
  }
  const parts =
    aggregation === 'simple'
      ? tokens.map((token) => labelled(token.scores, token))
      : words(tokens).map((word) =>
          labelled(scoresOfWord[aggregation](word), { start: word[0]!.start, end: word.at(-1)!.end }),
        );
  return joined(parts).map(entity);
}

/** What a word's tokens say of it together. */
const scoresOfWord: Record<'first' | 'average' | 'max', (word: readonly ClassifiedToken[]) => Float64Array> = {
  first: ([first]) => first!.scores,
  max: (word) =>
    word[
      largest(
        word.map(({ scores }) => scores.reduce((most, one) => Math.max(most, one))),
        1,
      )[0]!
    ]!.scores,
  average: (word) =>
    word[0]!.scores.map((_, label) => word.reduce((sum, { scores }) => sum + scores[label]!, 0) / word.length),
};

function words(tokens: readonly ClassifiedToken[]): ClassifiedToken[][] {
  const found: ClassifiedToken[][] = [];
  for (const token of tokens) {
    if (token.isSubword && found.length > 0) found.at(-1)!.push(token);
    else found.push([token]);
  }
  return found;
}

/** Neighbours of the same entity in one, unless the later one begins another (`B-`). */
function joined(parts: readonly Labelled[]): Labelled[] {
  const groups: Labelled[][] = [];
  for (const part of parts) {
    const last = groups.at(-1)?.at(-1);
    const { begins, tag } = tagOf(part.label);
    if (last && !begins && tagOf(last.label).tag === tag) groups.at(-1)!.push(part);
    else groups.push([part]);
  }
  return groups.map((group) => ({
    label: group[0]!.label.replace(/^[^-]*-/, ''),
    score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
    start: group[0]!.start,
    end: group.at(-1)!.end,
  }));
}

const tagOf = (label: string): { begins: boolean; tag: string } => ({
  begins: label.startsWith('B-'),
  tag: label.replace(/^[BI]-/, ''),
});

/** Of entities of overlapping windows the longest, of equally long ones the surest, in the order of the text. */
export function withoutOverlaps(entities: readonly Entity[]): Entity[] {
  const kept: Entity[] = [];
  for (const entity of entities.toSorted((one, other) => one.start - other.start)) {
    const last = kept.at(-1);
    if (!last || entity.start < last.start || entity.start >= last.end) {
      kept.push(entity);
      continue;
    }
    const longer = entity.end - entity.start - (last.end - last.start);
    if (longer > 0 || (longer === 0 && entity.score > last.score)) kept[kept.length - 1] = entity;
  }
  return kept;
}
