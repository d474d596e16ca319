import { randomBits, randomKey, uniformAt } from '../random.ts';
import { ignored, type Sequence } from './sequence.ts';

export interface MaskingOptions {
  seed: number;
  /** What else the choice hangs on: another number each time a sequence is seen masks it anew, as `index` of `mapped` is. */
  step: number;
  /** The token that stands for one left out. */
  maskId: number;
  /** Random tokens are drawn below it. */
  vocabularySize: number;
  /** Share of the tokens that are to be found again; default 0.15. */
  share?: number;
}

/**
 * A sequence for a masked language model (BERT, section 3.1, Task 1): of the tokens that are to be found again, 80 % are replaced by the mask,
 * 10 % by a random token, and 10 % left as they are; labels are the tokens that stood there, {@link ignored} elsewhere. Special tokens
 * are left alone. What becomes of a token follows from the seed, the step and its place alone.
 */
export function maskTokens(
  sequence: Sequence,
  { seed, step, maskId, vocabularySize, share = 0.15 }: MaskingOptions,
): Sequence {
  if (!(share > 0 && share <= 1))
    throw new RangeError(`The share of masked tokens must be above 0 and at most 1; got ${share}.`);
  const chosen = randomKey(seed, 'masked tokens', step);
  const replaced = randomKey(seed, 'replaced tokens', step);
  const drawn = randomKey(seed, 'random tokens', step);
  const ids = [...sequence.ids];
  const labels = sequence.ids.map((id, place) => {
    if (sequence.special?.[place] || uniformAt(chosen, place) >= share) return ignored;
    const how = uniformAt(replaced, place);
    if (how < 0.8) ids[place] = maskId;
    else if (how < 0.9) ids[place] = Math.floor((randomBits(drawn, place) / 2 ** 32) * vocabularySize);
    return id;
  });
  return { ...sequence, ids, labels };
}
