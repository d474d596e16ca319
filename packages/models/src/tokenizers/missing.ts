import type { Tokenizer } from './types.ts';

/** Stands where a model carries no tokenizer: token ids can be given, texts are refused with a sentence. */
export function missingTokenizer(
  reference: string,
  config: {
    vocab_size?: number;
    eos_token_id?: number | number[] | null;
    bos_token_id?: number | null;
    pad_token_id?: number | null;
  },
): Tokenizer {
  const refuse = (): never => {
    throw new Error(`${reference} carries no tokenizer, so no text can be given to it. Give token ids.`);
  };
  const { eos_token_id: end, bos_token_id: begin, pad_token_id: pad } = config;
  return {
    missing: true,
    vocabularySize: config.vocab_size ?? 0,
    eosIds: [end].flat().filter((id) => typeof id === 'number'),
    ...(typeof begin === 'number' ? { bosId: begin } : {}),
    ...(typeof pad === 'number' ? { padId: pad } : {}),
    encode: refuse,
    decode: refuse,
    // A stream of ids is a text of nothing: who generates from ids reads ids.
    decodeStream: () => ({ push: () => '', end: () => '' }),
    tokenId: () => undefined,
    token: () => undefined,
    bytesOf: () => undefined,
    applyChatTemplate: refuse,
  };
}
