import { z } from 'zod';

type Status = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 429 | 500 | 503;

interface Details {
  /** The field of the request at fault. */
  param?: string;
  /** What a program can tell errors apart by. */
  code?: string;
  headers?: Record<string, string>;
}

/** What a request is refused with, in OpenAI's form: `{ error: { message, type, param, code } }`. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: Status;
  readonly details: Details;

  constructor(status: Status, message: string, details: Details = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }

  get body() {
    const { param = null, code = null } = this.details;
    return { error: { message: this.message, type: typeOf(this.status), param, code } };
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.details.headers ?? {} });
  }
}

/** What a request is told that comes while the server goes down. */
export const shuttingDown = (): ApiError =>
  new ApiError(503, 'The server is shutting down.', { code: 'shutting_down', headers: { connection: 'close' } });

function typeOf(status: Status): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** A request as the schema has it. A field that is null counts as left out. Throws a 400 that names the first field at fault. */
export function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const given =
    typeof body === 'object' && body !== null && !Array.isArray(body)
      ? Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
      : body;
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0]!);
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
    const [param] = issue.keys;
    throw new ApiError(400, `Unrecognized request argument supplied: ${issue.keys.join(', ')}.`, {
      ...(param === undefined ? {} : { param }),
      code: 'unknown_parameter',
    });
  }
  const param = z.core.toDotPath(issue.path);
  throw new ApiError(400, `${param === '' ? 'The request' : param}: ${issue.message}${gotten(given, issue.path)}.`, {
    ...(param === '' ? {} : { param }),
    code: 'invalid_value',
  });
}

/** What stands at a path, where it is short: "; got 3". */
function gotten(given: unknown, path: readonly PropertyKey[]): string {
  let value = given;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  const text = JSON.stringify(value);
  return text !== undefined && text.length <= 60 ? `; got ${text}` : '';
}

/** Of a union with one branch that got further than the others, that branch's complaint. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const branches = issue.errors
    .map(([first]) => first)
    .filter((first) => first !== undefined)
    .sort((one, other) => other.path.length - one.path.length);
  const [best] = branches;
  if (!best || best.path.length === 0) return issue;
  return deepest({ ...best, path: [...issue.path, ...best.path] });
}
