/** The encoder's client side. The process itself is main.ts; nothing here loads a model. */
export { encoderClient, searchEncoder } from './client.ts';
export { type EncoderProcessOptions, ensureEncoder, startEncoder } from './process.ts';
