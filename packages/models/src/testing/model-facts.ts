import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import type { Weights } from '../types.ts';
import { weightSource } from '../weights/weight-source.ts';

/** One character a token: token i is the character with code 32 + i; `~` (94) ends a text. */
export const characterTokenizer: Tokenizer = {
  vocabularySize: 96,
  eosIds: [94],
  encode: (text, { maxLength = Number.POSITIVE_INFINITY } = {}) => {
    const ids = Array.from(text, (character) => character.charCodeAt(0) - 32);
    return { ids: ids.slice(0, maxLength), truncated: ids.length > maxLength };
  },
  decode: (ids) => ids.map((id) => String.fromCharCode(id + 32)).join(''),
  decodeStream: () => ({ push: (id) => String.fromCharCode(id + 32), end: () => '' }),
  tokenId: (token) => token.charCodeAt(0) - 32,
  applyChatTemplate: (messages) => messages.map(({ content }) => `${content}:`).join(''),
};

/** A model in memory for tests; the runtime is the caller's. */
export function factsOf(
  config: ModelConfig,
  tensors: ReadonlyMap<string, WeightTensor>,
  runtime: Runtime,
  weights: Weights = 'fp32',
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
