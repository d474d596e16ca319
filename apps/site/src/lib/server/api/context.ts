/** What every route has in common: the request's locals, problems as JSON sentences, and who may change something. */
import { z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';

export interface Environment {
  Bindings: { locals: App.Locals };
}

export const Problem = z
  .object({ error: z.string(), errors: z.array(z.object({ field: z.string(), message: z.string() })).optional() })
  .openapi('Problem');

const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

export const answers = { json };
export const problems = {
  400: json(Problem, 'The request is wrong; the sentence says what to change'),
  403: json(Problem, 'Needs the key that the terminal printed'),
  404: json(Problem, 'There is no such thing'),
} as const;

export const keyHint =
  'This needs the key that the terminal printed: open the address with ?key=... once, or send it as "Authorization: Bearer KEY".';

export function mustBeAdmin(locals: App.Locals): void {
  if (!locals.admin) throw new HTTPException(403, { message: keyHint });
}

export const notFound = (what: string): HTTPException => new HTTPException(404, { message: what });
export const badRequest = (sentence: string): HTTPException => new HTTPException(400, { message: sentence });

/** What a method is called with. */
export const callFields = {
  action: z.string().max(60).optional(),
  parameters: z.record(z.string().max(60), z.unknown()).default({}),
};

/** An instance is small; a page of anything has at most this many entries. */
export const pageLimit = z.coerce.number().int().min(1).max(100);
export const slugParameter = z
  .string()
  .max(120)
  .openapi({ param: { name: 'slug', in: 'path' }, example: 'prepacking' });
export const runParameter = z
  .string()
  .max(80)
  .openapi({ param: { name: 'id', in: 'path' } });
