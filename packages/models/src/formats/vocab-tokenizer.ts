import type { TokenizerFiles } from '../tokenizers/types.ts';
import { FormatError } from './format-error.ts';

export interface VocabularyRules {
  /** Text is lower-cased and loses its accents. Default true, as in BERT's own tokenizer. */
  lowercase?: boolean;
  /** Tokens are the matches of this pattern and nothing else of the text counts. Default: words and punctuation, then WordPiece. */
  tokens?: string;
  special?: Partial<Record<'unk' | 'sep' | 'pad' | 'cls' | 'mask', string>>;
}

/**
 * The tokenizer.json of a BERT-type model that has a vocab.txt only: a token a line, its id the line's number from 0. Equal to
 * transformers' BertTokenizer, or to a tokenizer that takes the matches of a pattern as they are. Throws when a special token is missing.
 */
export function tokenizerOfVocabulary(text: string, rules: VocabularyRules = {}): TokenizerFiles['tokenizer'] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of lines.entries()) vocab[token] = id;
  const special = { unk: '[UNK]', sep: '[SEP]', pad: '[PAD]', cls: '[CLS]', mask: '[MASK]', ...rules.special };
  const missing = [special.unk, special.sep, special.cls].find((token) => !(token in vocab));
  if (missing !== undefined)
    throw new FormatError(`The vocabulary has no token ${JSON.stringify(missing)}, which a BERT tokenizer needs.`);
  const lowercase = rules.lowercase ?? true;
  const added = Object.values(special)
    .filter((token) => token in vocab)
    .map((content) => ({ id: vocab[content]!, content, special: true, ...plainToken }))
    .sort((a, b) => a.id - b.id);
  const one = (content: string) => ({ id: content, ids: [vocab[content]!], tokens: [content] });
  const [cls, sep] = [special.cls, special.sep].map((id) => ({ SpecialToken: { id, type_id: 0 } }));
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: rules.tokens === undefined ? bertNormalizer(lowercase) : null,
    pre_tokenizer:
      rules.tokens === undefined
        ? { type: 'BertPreTokenizer' }
        : { type: 'Split', pattern: { Regex: rules.tokens }, behavior: 'Removed', invert: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [cls, sequence('A', 0), sep],
      pair: [cls, sequence('A', 0), sep, sequence('B', 1), { SpecialToken: { id: special.sep, type_id: 1 } }],
      special_tokens: { [special.cls]: one(special.cls), [special.sep]: one(special.sep) },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

const plainToken = { single_word: false, lstrip: false, rstrip: false, normalized: false };

const bertNormalizer = (lowercase: boolean) => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase,
});
