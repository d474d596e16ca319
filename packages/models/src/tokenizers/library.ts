import * as tokenizers from '@huggingface/tokenizers';
import type { AddedToken } from './added-tokens.ts';
import type { Fields } from './fields.ts';

/** What is used of the library's parts, which its types leave out. */
interface Parts {
  SequenceDecoder: new (config: {
    type: 'Sequence';
    decoders: readonly Fields[];
  }) => {
    decode(tokens: string[]): string;
    decoders: { added_tokens: readonly AddedToken[]; end_of_word_suffix: string | null }[];
  };
  SplitPreTokenizer: new (config: Fields) => { pattern: RegExp };
}

export const { SequenceDecoder, SplitPreTokenizer } = tokenizers as unknown as Parts;
