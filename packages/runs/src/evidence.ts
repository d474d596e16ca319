/** The instance's own evidence: what its experiments measured, each verdict computed by the claim's rule. */
import { loadRules, type Method, verdict } from '@working-papers/methods';
import type { ClaimEvidence, RunEvent } from '@working-papers/methods/contract';
import { isoTime } from './rows.ts';
import type { Database, EvidenceRow, Manifest } from './types.ts';

export type EvidenceEvent = RunEvent & { type: 'evidence' };

/** What an experiment's run knows besides the values. */
export interface Measured {
  run: string;
  command: string;
  seed: number;
  machine: string;
  versions: Record<string, string>;
  models: Manifest['models'];
  at: Date;
}

/** An evidence event as the claim's entry, judged. Undefined when the paper makes no such claim. */
export function entryOf(method: Method, event: EvidenceEvent, measured: Measured): ClaimEvidence | undefined {
  const claim = method.claims.find((candidate) => candidate.id === event.claim);
  if (!claim) return undefined;
  const judged = verdict(claim.rule, event.values, event.stage);
  const note = event.note ?? (judged === 'not tested' ? untestedNote(claim.rule?.stage, event) : undefined);
  return {
    verdict: judged,
    stage: event.stage,
    values: event.values,
    setting: event.setting,
    command: measured.command,
    models: measured.models.map(({ reference, revision, sha256 }) => ({
      reference,
      ...(revision === undefined ? {} : { revision }),
      sha256,
    })),
    seeds: event.seeds ?? [measured.seed],
    machine: measured.machine,
    versions: measured.versions,
    date: measured.at.toISOString().slice(0, 10),
    ...(note === undefined ? {} : { note }),
  };
}

function untestedNote(stage: string | undefined, event: EvidenceEvent): string {
  if (stage === undefined) return 'Measured, but no rule turns these values into a verdict.';
  if (stage !== event.stage)
    return `Measured in the stage "${event.stage}"; the verdict is given in the stage "${stage}".`;
  return 'The values that the rule reads were not all measured.';
}

/**
 * Adds rows to the instance's evidence. What was measured in another stage than the one in which a claim's rule gives its verdict
 * moves nothing, so it stays with the run's events.
 */
export async function storeEvidence(
  library: Database,
  method: Method,
  run: string,
  entries: readonly { claim: string; entry: ClaimEvidence }[],
): Promise<void> {
  const rows = entries
    .filter(({ claim, entry }) => {
      const stage = method.claims.find((candidate) => candidate.id === claim)?.rule?.stage;
      return stage === undefined || stage === entry.stage;
    })
    .map(({ claim, entry }) => ({ claim, ...entry }));
  if (rows.length === 0) return;
  await library.pool.query(
    `insert into evidence (slug, claim, run, stage, verdict, values, setting, command, models, seeds, machine, versions, note, at)
     select $1, e->>'claim', $2, e->>'stage', e->>'verdict', e->'values', e->>'setting', e->>'command', e->'models', e->'seeds',
       e->>'machine', e->'versions', e->>'note', now()
     from jsonb_array_elements($3::jsonb) as e`,
    [method.slug, run, JSON.stringify(rows)],
  );
}

/** Verdicts of what is stored, computed again: a rule may have changed since. */
export async function judgeAnew(library: Database): Promise<void> {
  const ruleOf = await loadRules();
  const stale = (await newestEvidence(library)).flatMap(({ slug, claim, stage, values, verdict: stored }) => {
    const judged = verdict(ruleOf(slug, claim), values, stage);
    return judged === stored ? [] : [{ slug, claim, stage, verdict: judged }];
  });
  if (stale.length === 0) return;
  await library.pool.query(
    `update evidence e set verdict = s.verdict
       from jsonb_to_recordset($1::jsonb) as s(slug text, claim text, stage text, verdict text)
      where e.id = (select id from evidence n where n.slug = s.slug and n.claim = s.claim and n.stage = s.stage
                     order by at desc, id desc limit 1)`,
    [JSON.stringify(stale)],
  );
}

/** The newest evidence of a paper's claims, one row for each claim and stage. */
export function listEvidence(library: Database, slug: string): Promise<EvidenceRow[]> {
  return newestEvidence(library, slug);
}

/** The newest evidence of all papers, one row for each claim and stage. */
export function listInstanceEvidence(library: Database): Promise<EvidenceRow[]> {
  return newestEvidence(library);
}

async function newestEvidence(library: Database, slug?: string): Promise<EvidenceRow[]> {
  const { rows } = await library.pool.query<EvidenceTableRow>(
    `select distinct on (slug, claim, stage) * from evidence
     where $1::text is null or slug = $1
     order by slug, claim, stage, at desc, id desc`,
    [slug ?? null],
  );
  return rows.map((row) => ({
    slug: row.slug,
    claim: row.claim,
    run: row.run ?? '',
    stage: row.stage ?? '',
    verdict: row.verdict,
    values: row.values ?? {},
    setting: row.setting ?? '',
    ...(row.command === null ? {} : { command: row.command }),
    models: row.models ?? [],
    seeds: row.seeds ?? [],
    ...(row.machine === null ? {} : { machine: row.machine }),
    versions: row.versions ?? {},
    ...(row.note === null ? {} : { note: row.note }),
    at: isoTime(row.at),
  }));
}

interface EvidenceTableRow {
  slug: string;
  claim: string;
  run: string | null;
  stage: string | null;
  verdict: EvidenceRow['verdict'];
  values: EvidenceRow['values'] | null;
  setting: string | null;
  command: string | null;
  models: EvidenceRow['models'] | null;
  seeds: number[] | null;
  machine: string | null;
  versions: Record<string, string> | null;
  note: string | null;
  at: Date;
}
