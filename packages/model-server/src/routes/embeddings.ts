import type { Context } from 'hono';
import { ApiError } from '../api-error.ts';
import { embeddingsSchema, listOf } from '../requests/completions.ts';
import { readRequest } from '../requests/read.ts';
import type { ServedModels } from '../served-models.ts';
import type { Env } from '../stream.ts';

/** POST /v1/embeddings: vectors of length 1. */
export async function embeddings(c: Context<Env>, models: ServedModels): Promise<Response> {
  const exchange = c.get('exchange');
  const request = await readRequest(c, embeddingsSchema);
  const served = models.encoder(request.model);
  exchange.model = served.name;
  const { dimensions } = served.model;
  if (request.dimensions !== undefined && request.dimensions !== dimensions) {
    throw new ApiError(
      400,
      `dimensions must be ${dimensions}: the model was not trained for shorter embeddings; got ${request.dimensions}.`,
      { param: 'dimensions', code: 'unsupported_parameter' },
    );
  }
  served.admit();
  const ids = served.tokens(listOf(request.input));
  exchange.promptTokens = ids.reduce((sum, { length }) => sum + length, 0);
  const vectors = await served.embed(ids, exchange.signal);
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: request.encoding_format === 'base64' ? base64(vector) : Array.from(vector),
  }));
  const usage = { prompt_tokens: exchange.promptTokens, total_tokens: exchange.promptTokens };
  return c.json({ object: 'list', data, model: served.name, usage });
}

/** The values as little-endian float32. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
