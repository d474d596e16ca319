/** The `runs` table read: one run, lists, counts. */
import { type Database, type Limits, type Manifest, type Run, RunRequestError, type RunStatus } from './types.ts';

/** The columns of `runs` as Postgres gives them. */
export interface RunRow {
  id: string;
  slug: string;
  action: string | null;
  parameters: Record<string, unknown>;
  status: RunStatus;
  message: string | null;
  seed: number | string;
  experiment: boolean;
  stage: string | null;
  record: boolean;
  limits: Limits | null;
  manifest: Manifest | null;
  repeats: string | null;
  worker: string | null;
  cancel_requested: boolean;
  created_at: Date | string;
  started_at: Date | string | null;
  ended_at: Date | string | null;
  seen_at: Date | string | null;
}

export function runOf(row: RunRow): Run {
  return {
    id: row.id,
    slug: row.slug,
    ...(row.action === null ? {} : { action: row.action }),
    parameters: row.parameters,
    status: row.status,
    ...(row.message === null ? {} : { message: row.message }),
    seed: Number(row.seed),
    experiment: row.experiment,
    ...(row.stage === null ? {} : { stage: row.stage }),
    record: row.record,
    limits: row.limits ?? {},
    ...(row.manifest === null ? {} : { manifest: row.manifest }),
    ...(row.repeats === null ? {} : { repeats: row.repeats }),
    ...(row.worker === null ? {} : { worker: row.worker }),
    cancelRequested: row.cancel_requested,
    createdAt: isoTime(row.created_at),
    ...(row.started_at === null ? {} : { startedAt: isoTime(row.started_at) }),
    ...(row.ended_at === null ? {} : { endedAt: isoTime(row.ended_at) }),
    ...(row.seen_at === null ? {} : { seenAt: isoTime(row.seen_at) }),
  };
}

export function isoTime(time: Date | string): string {
  return (time instanceof Date ? time : new Date(time)).toISOString();
}

/** The run, or undefined when there is none of that id. */
export async function getRun(library: Database, id: string): Promise<Run | undefined> {
  const { rows } = await library.pool.query<RunRow>('select * from runs where id = $1', [id]);
  return rows[0] && runOf(rows[0]);
}

export interface ListRunsOptions {
  slug?: string;
  status?: RunStatus;
  /** 1 to 100; 50 when absent. */
  limit?: number;
  /** `next` of the page before. */
  cursor?: string;
}

/** Runs, newest first; `next` is there when there are more. Throws RunRequestError on a cursor that no page gave. */
export async function listRuns(
  library: Database,
  options: ListRunsOptions = {},
): Promise<{ runs: Run[]; next?: string }> {
  const limit = Math.min(100, Math.max(1, Math.trunc(options.limit ?? 50)));
  const after = options.cursor === undefined ? undefined : readCursor(options.cursor);
  const { rows } = await library.pool.query<RunRow & { created_text: string }>(
    `select *, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_text from runs
     where ($1::text is null or slug = $1)
       and ($2::text is null or status = $2)
       and ($3::timestamptz is null or (created_at, id) < ($3::timestamptz, $4::text))
     order by created_at desc, id desc
     limit $5`,
    [options.slug ?? null, options.status ?? null, after?.at ?? null, after?.id ?? null, limit + 1],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    runs: page.map(runOf),
    ...(rows.length > limit && last ? { next: writeCursor(last.created_text, last.id) } : {}),
  };
}

/** How many runs of its method each paper has had that ended 'done'. */
export async function countRuns(library: Database): Promise<Record<string, number>> {
  const { rows } = await library.pool.query<{ slug: string; runs: number }>(
    `select slug, count(*)::int as runs from runs where status = 'done' and not experiment group by slug`,
  );
  return Object.fromEntries(rows.map((row) => [row.slug, row.runs]));
}

function writeCursor(at: string, id: string): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

function readCursor(cursor: string): { at: string; id: string } {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, string];
    // To the millisecond and back: what Postgres would refuse (31 February) does not come back the same.
    const isTime = /^[1-9]\d{3}-.{18}\d{3}Z$/.test(at) && new Date(at).toISOString().slice(0, 23) === at.slice(0, 23);
    if (isTime && /^[\w-]{1,80}$/.test(id)) return { at, id };
  } catch {}
  throw new RunRequestError(`"${cursor.slice(0, 80)}" is no cursor of the list of runs. Start again without one.`);
}
