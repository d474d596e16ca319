export { createTokenizer } from './tokenizer.ts';
export type { ChatMessage, DecodeStream, Encoded, EncodeOptions, Tokenizer, TokenizerFiles } from './types.ts';
