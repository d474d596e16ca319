import type { Context } from 'hono';
import type { z } from 'zod';
import { ApiError, parsed } from '../api-error.ts';

/** The body of a request as a schema has it. Throws a 415 for what is not sent as JSON, a 400 for what is none or not as asked. */
export async function readRequest<Schema extends z.ZodType>(c: Context, schema: Schema): Promise<z.infer<Schema>> {
  const type = c.req.header('content-type') ?? '';
  // A page elsewhere can send a form here without being asked; JSON makes its browser ask first.
  if (!/^application\/json\b/i.test(type)) {
    throw new ApiError(
      415,
      `The body must be JSON; the request says "${type.slice(0, 100)}". Send Content-Type: application/json.`,
    );
  }
  let body: unknown;
  try {
    body = JSON.parse(await c.req.text());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ApiError(400, `The body is not JSON (${error.message}).`);
  }
  return parsed(schema, body);
}
