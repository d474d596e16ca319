/** What a tokenizer is made from: parsed `tokenizer.json`, and what stands beside it. */
export interface TokenizerFiles {
  /** The parsed `tokenizer.json`. */
  tokenizer: Record<string, unknown>;
  /** The parsed `tokenizer_config.json`. */
  config?: Record<string, unknown>;
  /** A jinja template; wins over `chat_template` in the configuration. */
  chatTemplate?: string;
  /** Templates by name (`default`, `tool_use`, `rag`), where the configuration lists several. */
  chatTemplates?: Readonly<Record<string, string>>;
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

/** Which of two texts is cut to keep to the limit. */
export type TruncationStrategy = 'longest_first' | 'only_first' | 'only_second';

export interface EncodeOptions {
  /** Adds what the model's post-processor adds ([CLS] and [SEP], or a first token). Default true. */
  addSpecialTokens?: boolean;
  /** Most tokens, specials included. Default: the files' own limit, if any. */
  maxLength?: number;
  /** A second text, which the post-processor puts after the first. */
  pair?: string;
  /** Which text is cut to keep to the limit. Default `longest_first`. */
  truncation?: TruncationStrategy;
  /** The end of a text at which tokens are cut off. Default `right`. */
  truncationSide?: 'right' | 'left';
  /** Gives what was cut off as further windows, each with the last `stride` tokens of the one before. */
  stride?: number;
  /** Gives the offsets of the tokens. */
  offsets?: boolean;
}

/** The tokens of a text or a pair. All lists have one entry a token. */
export interface Encoded {
  ids: number[];
  /** 1 for tokens of the second text, where the model tells them apart. */
  typeIds: number[];
  /** 1 everywhere: nothing is padded here. */
  attentionMask: number[];
  /** 1 for tokens that the post-processor added. */
  specialTokensMask: number[];
  /** The text that a token is of: 0, 1, or null for one that the post-processor added. */
  sequenceIds: (0 | 1 | null)[];
  /**
   * With `offsets: true`: the range `[start, end)` of UTF-16 code units (as `String.prototype.slice` counts them) that a token stands
   * for in its text, `[0, 0]` for one that the post-processor added. Several tokens inside one character each have the range
   * of the whole character. Half a surrogate pair alone is read as U+FFFD and keeps its place.
   */
  offsets?: [number, number][];
  /** Whether tokens were left out to keep to the limit. */
  truncated: boolean;
  /** How many of the texts' own tokens were left out. */
  cut: number;
  /** With `stride`: the windows after this one. */
  overflow?: Encoded[];
}

/** Text from tokens that arrive one at a time; never gives half a character. */
export interface DecodeStream {
  /** Text that became certain with this token, often empty. */
  push(id: number): string;
  /** What was held back, with broken bytes as U+FFFD. */
  end(): string;
}

export interface ChatOptions {
  /** Ends with what begins the model's turn. Default true, false with `continueFinalMessage`. */
  addGenerationPrompt?: boolean;
  /** Ends inside the last message, which the model goes on with. */
  continueFinalMessage?: boolean;
  /** Functions that the model may call, as JSON schemas (`{ type: 'function', function: { name, parameters } }`). */
  tools?: readonly unknown[];
  /** Texts for retrieval-augmented generation, `{ title, text }`. */
  documents?: readonly unknown[];
  /** One of several named templates. Default: `tool_use` when there are tools and such a template, else `default`. */
  template?: string;
  /** What a template that asks for the date is told. Default: now. */
  now?: Date;
  /** Further names that the template asks for, such as `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>>;
}

/** Text to ids and back, as the model's authors meant it. */
export interface Tokenizer {
  /** Whether it only stands where a model carries none: texts are refused, token ids can be given. */
  readonly missing?: boolean;
  readonly vocabularySize: number;
  readonly bosId?: number;
  readonly eosIds: readonly number[];
  readonly padId?: number;
  /** The token that stands for one left out, of a masked language model. */
  readonly maskId?: number;
  /** The token of what the vocabulary has no other for. */
  readonly unkId?: number;
  /** What tokens that go on with a word begin with (`##` of WordPiece), where the vocabulary marks them. */
  readonly subwordPrefix?: string;
  readonly chatTemplate?: string;
  /**
   * The tokens of a text, or of a pair. Equal to the Python library's (`tokenizers`), offsets too, but in UTF-16 units. Throws a
   * sentence when the limit leaves no room or the tokenizer's files ask for work without end.
   */
  encode(text: string, options?: EncodeOptions): Encoded;
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  decodeStream(options?: { skipSpecialTokens?: boolean }): DecodeStream;
  /** The bytes of text that a token stands for; undefined for special tokens and for ids without a token. */
  bytesOf(id: number): Uint8Array | undefined;
  /** The token's id, or undefined when the vocabulary has no such token. */
  tokenId(token: string): number | undefined;
  /** The token of an id as the vocabulary writes it, or undefined. */
  token(id: number): string | undefined;
  /** The prompt of a conversation. Throws when the model has no chat template, or the template refuses the messages. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): string;
}
