/** What estimates rest on: how fast this engine opens and multiplies, measured on two Zen 4 cores that others used too. Imports nothing heavy. */
import type { EstimateFacts, ModelSize } from './contract.ts';

/** Floating-point operations a second and core, of fp32 products of some hundred rows. */
export const flopsPerCore = 45e9;

export const flopsPerSecond = ({ cores }: EstimateFacts['machine']): number => flopsPerCore * cores;

/** Seconds until a process has started and told what machine it is on, and until it has ended. */
export const startSeconds = 2;

/** Resident bytes of a process with the engine and no model. */
export const startBytes = 180e6;

/** Seconds to read, convert to fp32 and compile a model. */
export const openSeconds = ({ parameters }: ModelSize): number => 60e-9 * parameters;

/** Resident bytes of a model's fp32 weights: as read, and as the kernels pack them. */
export const weightBytes = ({ parameters }: ModelSize): number => 9.5 * parameters;

/** Parameters that every token is multiplied with: embeddings are looked up, and multiplied with again where logits are wanted. */
export const multiplied = ({ kind, parameters, vocabulary, hidden }: ModelSize): number =>
  kind === 'decoder' ? parameters : Math.max(parameters / 10, parameters - vocabulary * hidden);

/** Tokens of a text, about: 4.5 characters each. */
export const tokensOf = (text: string): number => Math.ceil(text.length / 4.5);

/** Lines that are not blank, and how many times as much there is of the input than `beginning` shows. */
export function linesOf(input: EstimateFacts['inputs'][string] | undefined): { lines: string[]; scale: number } {
  const beginning = input?.beginning ?? '';
  const lines = beginning.split('\n').filter((line) => line.trim() !== '');
  const shown = new TextEncoder().encode(beginning).byteLength;
  return { lines, scale: Math.max(1, (input?.bytes ?? 0) / Math.max(1, shown)) };
}
