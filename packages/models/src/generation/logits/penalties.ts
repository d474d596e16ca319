import type { LogitsProcessor } from './processor.ts';

/**
 * Logits of tokens that stand in prompt or answer are divided by `penalty` where positive and multiplied where negative
 * (CTRL, arXiv 1909.05858; transformers' RepetitionPenaltyLogitsProcessor). Above 1 discourages repetition.
 */
export function repetitionPenalty(penalty: number): LogitsProcessor {
  return {
    name: 'repetition penalty',
    process(logits, { ids }) {
      for (const id of new Set(ids)) {
        const logit = logits[id];
        if (logit !== undefined) logits[id] = logit < 0 ? logit * penalty : logit / penalty;
      }
    },
  };
}

/**
 * OpenAI's penalties: `presence` is taken from the logit of every new token that stands already, `frequency` once for each time it
 * stands. The prompt does not count.
 */
export function presenceAndFrequencyPenalty(presence: number, frequency: number): LogitsProcessor {
  return {
    name: 'presence and frequency penalty',
    process(logits, { ids, promptLength }) {
      const counts = new Map<number, number>();
      for (let i = promptLength; i < ids.length; i++) counts.set(ids[i]!, (counts.get(ids[i]!) ?? 0) + 1);
      for (const [id, count] of counts) logits[id]! -= count * frequency + presence;
    },
  };
}
