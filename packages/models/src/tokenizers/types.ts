/** What a tokenizer is made from: parsed `tokenizer.json`, and what stands beside it. */
export interface TokenizerFiles {
  /** The parsed `tokenizer.json`. */
  tokenizer: Record<string, unknown>;
  /** The parsed `tokenizer_config.json`. */
  config?: Record<string, unknown>;
  /** A jinja template; wins over `chat_template` in the configuration. */
  chatTemplate?: string;
  /** Tokens a text is cut to when the caller gives no `maxLength` (sentence_bert_config's `max_seq_length`). */
  maxLength?: number;
  /** End-of-sequence ids of `generation_config.json` or `config.json`, beside the tokenizer's own. */
  eosIds?: readonly number[];
}

/** One turn of a conversation. */
export interface ChatMessage {
  role: string;
  content: string;
  [field: string]: unknown;
}

export interface EncodeOptions {
  /** Adds what the model's post-processor adds ([CLS] and [SEP], or a first token). Default true. */
  addSpecialTokens?: boolean;
  /** Most tokens, specials included; the text's own tokens are cut at the end. Default: the files' own limit, if any. */
  maxLength?: number;
}

export interface Encoded {
  ids: number[];
  /** Whether tokens of the text were left out to keep to the limit. */
  truncated: boolean;
}

/** Text from tokens that arrive one at a time; never gives half a character. */
export interface DecodeStream {
  /** Text that became certain with this token, often empty. */
  push(id: number): string;
  /** What was held back, with broken bytes as U+FFFD. */
  end(): string;
}

/** Text to ids and back, as the model's authors meant it. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bosId?: number;
  readonly eosIds: readonly number[];
  readonly padId?: number;
  readonly chatTemplate?: string;
  encode(text: string, options?: EncodeOptions): Encoded;
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  decodeStream(options?: { skipSpecialTokens?: boolean }): DecodeStream;
  /** The token's id, or undefined when the vocabulary has no such token. */
  tokenId(token: string): number | undefined;
  /** Throws when the model has no chat template. `addGenerationPrompt` defaults to true. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string;
}
