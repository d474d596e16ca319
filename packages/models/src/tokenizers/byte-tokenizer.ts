import { byteOfCharacter } from './byte-level.ts';

/** A tokenizer.json in which every byte is a token, its own number the id, and after them the special tokens. */
export const byteTokenizer = (specials: readonly string[]): Record<string, unknown> =>
  tokenizerOf([], specials, byteLevel(false));

/**
 * A tokenizer.json of byte-level pieces (GPT-2's words, digits one by one): the bytes, their own number the id, then what each merge makes, in
 * order, then the special tokens.
 * @param merges pairs of pieces in the characters of GPT-2's table of bytes, as `model.merges` holds them
 */
export const bytePairTokenizer = (
  merges: readonly (readonly [string, string])[],
  specials: readonly string[],
): Record<string, unknown> =>
  tokenizerOf(merges, specials, {
    type: 'Sequence',
    pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
  });

/** With every field that the Python library wants. */
const byteLevel = (words: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: words,
});

function tokenizerOf(
  merges: readonly (readonly [string, string])[],
  specials: readonly string[],
  preTokenizer: Record<string, unknown>,
): Record<string, unknown> {
  const vocab = Object.fromEntries(byteOfCharacter);
  for (const [index, pair] of merges.entries()) vocab[pair.join('')] = 256 + index;
  return {
    version: '1.0',
    added_tokens: specials.map((content, index) => ({
      id: 256 + merges.length + index,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: byteLevel(true),
    model: { type: 'BPE', vocab, merges },
  };
}
