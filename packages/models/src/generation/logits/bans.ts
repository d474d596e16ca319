import { forbiddenLogit, type LogitsProcessor } from './processor.ts';

/** A number added to the logit of the last token of each sequence where the others stand before it; transformers' SequenceBias. */
export function sequenceBias(biases: readonly { ids: readonly number[]; bias: number }[]): LogitsProcessor {
  return {
    name: 'sequence bias',
    process(logits, { ids: given }) {
      for (const { ids, bias } of biases) {
        const before = ids.length - 1;
        if (before > given.length) continue;
        let matches = true;
        for (let i = 0; i < before && matches; i++) matches = given[given.length - before + i] === ids[i];
        if (matches) logits[ids[before]!]! += bias;
      }
    },
  };
}

/** Sequences that must not appear, single tokens among them; the end alone may always come. transformers' NoBadWords. */
export function badWords(sequences: readonly (readonly number[])[], endIds: readonly number[]): LogitsProcessor {
  const banned = sequences.filter((ids) => !(ids.length === 1 && endIds.includes(ids[0]!)));
  return { ...sequenceBias(banned.map((ids) => ({ ids, bias: forbiddenLogit }))), name: 'bad words' };
}

/** No `size` tokens in a row appear twice, those of the prompt counted. */
export function noRepeatNgram(size: number): LogitsProcessor {
  return {
    name: 'no repeated n-gram',
    process(logits, { ids }) {
      const begin = ids.length + 1 - size;
      for (let start = 0; start < begin; start++) {
        let matches = true;
        for (let i = 0; i < size - 1 && matches; i++) matches = ids[start + i] === ids[begin + i];
        if (matches) logits[ids[start + size - 1]!] = forbiddenLogit;
      }
    },
  };
}

/** The end may not come among the first `least` new tokens. */
export function minNewTokens(least: number, endIds: readonly number[]): LogitsProcessor {
  return {
    name: 'least new tokens',
    process(logits, { ids, promptLength }) {
      if (ids.length - promptLength < least) for (const id of endIds) logits[id] = forbiddenLogit;
    },
  };
}

/** The new token at place `step` (from 0) is `forced`: the first one, or the end when the last one is reached. */
export function forcedToken(forced: number, step: number): LogitsProcessor {
  return {
    name: 'forced token',
    process(logits, { ids, promptLength }) {
      if (ids.length - promptLength !== step) return;
      logits.fill(forbiddenLogit);
      logits[forced] = 0;
    },
  };
}
