/** A run is asked for, repeated, cancelled: the writes that come from people. */
import { randomInt } from 'node:crypto';
import { actionsOf, built, loadDescriptors, type Method, parseParameters } from '@working-papers/methods';
import { ring } from './bell.ts';
import { randomId } from './ids.ts';
import { getRun, type RunRow, runOf } from './rows.ts';
import { type Database, type Limits, type Run, type RunRequest, RunRequestError } from './types.ts';

/** Largest seed: seeds are whole numbers of 32 bits. */
const largestSeed = 2 ** 32 - 1;

/**
 * Checks the parameters against the method's, inserts the row and rings the bell.
 * Throws RunRequestError (a sentence, with the fields it concerns) and then nothing was stored.
 */
export async function createRun(library: Database, request: RunRequest): Promise<Run> {
  const method = await findMethod(request.slug);
  if (!built(method)) {
    throw new RunRequestError(`"${method.paper.title}" does not run here yet: its method is not built.`);
  }
  if (request.record && !request.experiment) {
    throw new RunRequestError('Only an experiment leaves recorded evidence: "record" needs "experiment".', [
      { field: 'record', message: 'record needs "experiment": only an experiment leaves recorded evidence.' },
    ]);
  }
  if (request.stage !== undefined && !request.experiment) {
    throw new RunRequestError('Only an experiment has stages: "stage" needs "experiment".', [
      { field: 'stage', message: 'stage needs "experiment": only an experiment has stages.' },
    ]);
  }
  const parameters = request.experiment ? {} : checkedParameters(method, request);
  for (const [field, value] of Object.entries({ ...parameters, stage: request.stage ?? '' }))
    checkStorable(field, value);
  const seed = checkedSeed(request.seed);
  const limits = checkedLimits(request.limits ?? {});
  const action = typeof parameters.action === 'string' ? parameters.action : undefined;
  const { rows } = await library.pool.query<RunRow>(
    `insert into runs (id, slug, action, parameters, status, seed, experiment, stage, record, limits, repeats, created_at)
     values ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10, now()) returning *`,
    [
      randomId(),
      method.slug,
      action ?? null,
      JSON.stringify(parameters),
      seed,
      request.experiment ?? false,
      request.stage ?? null,
      request.record ?? false,
      JSON.stringify(limits),
      request.repeats ?? null,
    ],
  );
  const run = runOf(rows[0] as RunRow);
  await ring(library, run);
  return run;
}

/** The same method, parameters, seed and limits once more, as a new run. */
export async function repeatRun(library: Database, id: string): Promise<Run> {
  const run = await getRun(library, id);
  if (!run) throw new RunRequestError(`There is no run "${id}" here.`);
  return createRun(library, {
    slug: run.slug,
    parameters: run.parameters,
    seed: run.seed,
    experiment: run.experiment,
    ...(run.stage === undefined ? {} : { stage: run.stage }),
    record: run.record,
    limits: run.limits,
    repeats: run.id,
  });
}

/**
 * A queued run is cancelled at once; a running one is asked to stop and its worker kills it. An ended run stays as it is.
 * Returns the run as it stands then, or undefined when there is none of that id.
 */
export async function cancelRun(library: Database, id: string): Promise<Run | undefined> {
  await library.pool.query(
    `with cancelled as (
       update runs set status = 'cancelled', message = 'Cancelled before it started.', ended_at = now(), cancel_requested = true
       where id = $1 and status = 'queued' returning id
     )
     insert into events (run, seq, at, body)
     select id, coalesce((select max(seq) from events where run = $1), 0) + 1, now(),
       jsonb_build_object('type', 'end', 'status', 'cancelled', 'run', id, 'message', 'Cancelled before it started.')
     from cancelled
     on conflict do nothing`,
    [id],
  );
  await library.pool.query(`update runs set cancel_requested = true where id = $1 and status = 'running'`, [id]);
  return getRun(library, id);
}

/** The method of a paper. Throws RunRequestError when there is none. */
export async function findMethod(slug: string): Promise<Method> {
  const methods = await loadDescriptors();
  const method = methods.find((candidate) => candidate.slug === slug);
  if (method) return method;
  throw new RunRequestError(`There is no paper "${slug}" here. "papers search" finds papers by name or meaning.`);
}

/** Raw parameters as the method's own values. Throws RunRequestError with the fields at fault. */
export function checkedParameters(
  method: Method,
  request: Pick<RunRequest, 'action' | 'parameters'>,
): Record<string, unknown> {
  const { action } = request;
  if (action !== undefined && !actionsOf(method).includes(action)) {
    const actions = actionsOf(method);
    const remedy = actions.length > 0 ? `one of ${actions.join(', ')}` : 'it does one thing, without an action';
    throw new RunRequestError(`${method.slug} has no action "${action}": ${remedy}.`, [
      { field: 'action', message: remedy },
    ]);
  }
  const raw = action === undefined ? request.parameters : { ...request.parameters, action };
  const parsed = parseParameters<Record<string, unknown>>(method, raw);
  if (parsed.ok) return parsed.value;
  const sentences = parsed.errors.map(({ message }) => message);
  throw new RunRequestError(sentences.join('\n'), parsed.errors);
}

/** Postgres stores neither NUL nor half a character. */
function checkStorable(field: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) for (const inside of [key, part]) checkStorable(field, inside);
  } else if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
    const what = value.includes('\0') ? 'a NUL character (U+0000)' : 'half a character (a lone UTF-16 surrogate)';
    const message = `${field} holds ${what}, which cannot be kept: give plain text.`;
    throw new RunRequestError(`The parameter ${message}`, [{ field, message }]);
  }
}

function checkedSeed(seed: number | undefined): number {
  if (seed === undefined) return randomInt(2 ** 31);
  if (Number.isInteger(seed) && seed >= 0 && seed <= largestSeed) return seed;
  throw new RunRequestError(`A seed is a whole number from 0 to ${largestSeed}; got ${seed}.`, [
    { field: 'seed', message: `seed must be a whole number from 0 to ${largestSeed}; got ${seed}.` },
  ]);
}

function checkedLimits(limits: Limits): Limits {
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new RunRequestError(`The limit ${name} must be a number above 0; got ${value}.`);
    }
  }
  return limits;
}
