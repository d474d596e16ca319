import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import type { UnroundedWeights } from '../types.ts';
import { weightSource } from '../weights/weight-source.ts';

/** One character a token: token i is the character with code 32 + i; `~` (94) ends a text. */
export const characterTokenizer: Tokenizer = {
  vocabularySize: 96,
  eosIds: [94],
  encode: (text, { maxLength = Number.POSITIVE_INFINITY } = {}) => {
    const all = Array.from(text, (character) => character.charCodeAt(0) - 32);
    const ids = all.slice(0, maxLength);
    const cut = all.length - ids.length;
    const filled = <T>(value: T): T[] => ids.map(() => value);
    return {
      ids,
      typeIds: filled(0),
      attentionMask: filled(1),
      specialTokensMask: filled(0),
      sequenceIds: filled(0),
      truncated: cut > 0,
      cut,
    };
  },
  decode: (ids) => ids.map((id) => String.fromCharCode(id + 32)).join(''),
  decodeStream: () => ({ push: (id) => String.fromCharCode(id + 32), end: () => '' }),
  bytesOf: (id) => (id === 94 ? undefined : Uint8Array.of(id + 32)),
  tokenId: (token) => token.charCodeAt(0) - 32,
  token: (id) => String.fromCharCode(id + 32),
  applyChatTemplate: (messages) => messages.map(({ content }) => `${content}:`).join(''),
};

/** A model in memory for tests; the runtime is the caller's. */
export function factsOf(
  config: ModelConfig,
  tensors: ReadonlyMap<string, WeightTensor>,
  runtime: Runtime,
  weights: UnroundedWeights = 'fp32',
): ModelFacts {
  return {
    reference: 'test',
    sha256: '',
    config,
    tokenizer: characterTokenizer,
    weights,
    parameterBytes: 0,
    parameters: 0,
    graphWeights: weightSource(tensors, weights),
    runtime,
    notes: [],
    close: () => {},
  };
}
