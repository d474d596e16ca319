import { byteOfCharacter } from './byte-level.ts';

/** A tokenizer.json in which every byte is a token, its own number the id, and after them the special tokens. */
export function byteTokenizer(specials: readonly string[]): Record<string, unknown> {
  return {
    version: '1.0',
    added_tokens: specials.map((content, index) => ({
      id: 256 + index,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries(byteOfCharacter), merges: [] },
  };
}
