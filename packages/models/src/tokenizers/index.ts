export { bytePairTokenizer, byteTokenizer } from './byte-tokenizer.ts';
export { missingTokenizer } from './missing.ts';
export { createTokenizer } from './tokenizer.ts';
export type {
  ChatMessage,
  ChatOptions,
  DecodeStream,
  Encoded,
  EncodeOptions,
  Tokenizer,
  TokenizerFiles,
  TruncationStrategy,
} from './types.ts';
