import type { HeadContext } from './index.ts';
import { largest, softmax } from './labels.ts';
import type { EncoderHeads } from './types.ts';

/** Multiple choice: the prompt with each choice is a pair, and the head gives each pair one logit. */
export const choosing =
  ({ all, tokenize, needs }: HeadContext): EncoderHeads['choose'] =>
  async (prompt, choices, options = {}) => {
    needs('multiple-choice', 'chooses');
    if (choices.length === 0) throw new Error('There is nothing to choose from. Give at least one choice.');
    const pairs = tokenize(
      choices.map((choice) => [prompt, choice] as const),
      options,
    );
    const logits = (await all(pairs, options)).map(({ logits }) => logits[0]!);
    const probabilities = softmax(logits);
    return largest(logits, choices.length).map((index) => ({
      index,
      choice: choices[index]!,
      logit: logits[index]!,
      probability: probabilities[index]!,
    }));
  };
