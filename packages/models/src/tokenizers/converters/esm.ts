import type { Fields } from '../fields.ts';
import { addedToken, template } from './parts.ts';

/**
 * The tokenizer.json of ESM's vocab.txt, a token a line: every token is found in the text as it stands (an amino acid is one letter,
 * and nothing parts them), what is left between white space is unknown.
 */
export function tokenizerOfEsm(vocabulary: string): Fields {
  const tokens = vocabulary
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) vocab[token] = id;
  const missing = ['<cls>', '<eos>', '<unk>'].find((token) => !(token in vocab));
  if (missing) throw new Error(`its vocabulary lacks the token ${missing}, which an ESM tokenizer needs`);
  const special = new Set(['<cls>', '<pad>', '<eos>', '<unk>', '<mask>']);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens
      .filter((token) => token !== '')
      .map((token) => addedToken(vocab[token]!, token, special.has(token))),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: template(
      ['<cls>', '$A', '<eos>'],
      ['<cls>', '$A', '<eos>', '$B', '<eos>'],
      (token) => vocab[token]!,
    ),
    decoder: null,
    model: { type: 'WordLevel', unk_token: '<unk>', vocab },
  };
}
