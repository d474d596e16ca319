/**
 * The pre-tokenizers of a tokenizer.json with every `Digits` written as a `Split` by Unicode's numbers. The Python
 * library's `Digits` parts at every number of Unicode (Rust's `char::is_numeric`: \p{N}, with "٣", "Ⅷ" and "½"), the
 * JavaScript library's only at 0 to 9, which gives other ids for such text.
 */
export function withUnicodeDigits(preTokenizer: unknown): unknown {
  if (typeof preTokenizer !== 'object' || preTokenizer === null) return preTokenizer;
  const { type, individual_digits: individual, pretokenizers } = preTokenizer as Record<string, unknown>;
  if (type === 'Sequence' && Array.isArray(pretokenizers))
    return { ...preTokenizer, pretokenizers: pretokenizers.map(withUnicodeDigits) };
  if (type !== 'Digits') return preTokenizer;
  return {
    type: 'Split',
    pattern: { Regex: individual === true ? '\\p{N}' : '\\p{N}+' },
    behavior: 'Isolated',
    invert: false,
  };
}
