import type { GenerationResult } from '@working-papers/models';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { ApiError } from './api-error.ts';
import type { Exchange } from './exchange.ts';
import type { Answer, Piece } from './served-decoder.ts';

/** What every handler finds in its context. */
export interface Env {
  Variables: { exchange: Exchange };
}

/**
 * An answer as server-sent events, ended by `[DONE]`. An error after the beginning is told as an event `{ error }`, which OpenAI's
 * clients throw.
 */
export function streamAnswer(
  c: Context<Env>,
  exchange: Exchange,
  work: (send: (event: unknown) => Promise<void>) => Promise<void>,
): Response {
  exchange.streams = true;
  return streamSSE(c, async (stream) => {
    const send = (event: unknown) => stream.writeSSE({ data: JSON.stringify(event) });
    let status = 200;
    try {
      await work(send);
      await stream.writeSSE({ data: '[DONE]' });
    } catch (error) {
      const problem = problemOf(error, exchange);
      status = problem.status;
      await send(problem.body);
    } finally {
      exchange.end(status);
    }
  });
}

/** An error as it is told: one of ours as it is, the end of an exchange by its reason, anything else as a 500. */
export function problemOf(error: unknown, exchange: Exchange | undefined): ApiError {
  if (error instanceof ApiError) return error;
  if (exchange?.signal.aborted) return exchange.problem();
  console.error(error);
  return new ApiError(500, `The server failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** Reads an answer to its end. Throws what the exchange says where it was broken off. */
export async function finished(
  answer: Answer,
  exchange: Exchange,
  see: (piece: Piece) => Promise<void> | void,
): Promise<GenerationResult> {
  while (true) {
    const { value, done } = await answer.next();
    if (!done) {
      exchange.said();
      await see(value);
      continue;
    }
    exchange.newTokens += value.tokens.length;
    if (value.finish === 'cancelled') throw exchange.problem();
    return value;
  }
}

/** Prompts are counted once each, answers all together. */
export function usageOf(prompts: readonly (readonly number[])[], results: readonly GenerationResult[]) {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const promptTokens = sum(prompts.map(({ length }) => length));
  const completionTokens = sum(results.map(({ tokens }) => tokens.length));
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    // Of several answers to one prompt, the one that found most of it computed.
    prompt_tokens_details: {
      cached_tokens: Math.min(promptTokens, Math.max(0, ...results.map(({ reusedTokens }) => reusedTokens))),
    },
  };
}
