/** Log-probabilities as OpenAI's two APIs write them. */
import type { Tokenizer } from '@working-papers/models';
import { finite, type ScoredToken, tokenName, tokenText } from './token-texts.ts';

/** Of chat: a list with an entry a token. */
export function chatLogProbabilities(tokenizer: Tokenizer, tokens: readonly ScoredToken[]) {
  const one = (id: number, logProbability: number) => {
    const { text, bytes } = tokenText(tokenizer, id);
    return { token: text, logprob: finite(logProbability), bytes };
  };
  return {
    content: tokens.map(({ id, score }) => ({
      ...one(id, score!.logProbability),
      top_logprobs: score!.alternatives.map((other) => one(other.id, other.logProbability)),
    })),
    refusal: null,
  };
}

/** Of completions: lists beside each other; `start` is the offset of the text that the tokens' offsets count from. */
export function completionLogProbabilities(tokenizer: Tokenizer, tokens: readonly ScoredToken[], start = 0) {
  return {
    tokens: tokens.map(({ id }) => tokenName(tokenizer, id)),
    token_logprobs: tokens.map(({ score }) => (score ? finite(score.logProbability) : null)),
    // The token itself stands among the most probable ones whether it is one of them or not.
    top_logprobs: tokens.map(({ id, score }) =>
      score
        ? Object.fromEntries([
            ...score.alternatives.map((other) => [tokenName(tokenizer, other.id), finite(other.logProbability)]),
            [tokenName(tokenizer, id), finite(score.logProbability)],
          ])
        : null,
    ),
    text_offset: tokens.map(({ offset }) => start + offset),
  };
}
