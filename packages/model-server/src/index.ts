/** Models over OpenAI's HTTP API. */
export type { BrokenOff, Finished } from './exchange.ts';
export { type ModelServer, type ModelServerOptions, serveModels } from './serve-models.ts';
export type { NamedModel } from './served-models.ts';
