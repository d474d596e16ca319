/** The ledger: every claim with what was measured here, filtered and sorted alike by the page, the API and its downloads. */
import { z } from '@hono/zod-openapi';
import { type LedgerClaim, type Library, listClaims } from '@working-papers/library';
import { loadRules } from '@working-papers/methods';
import type { ClaimEvidence, Rule, Value } from '@working-papers/methods/contract';
import type { Verdict } from '../format.ts';
import { shortTitle } from '../short-titles.ts';
import { inRuleOrder, spaced } from '../values.ts';

export const verdicts = ['holds', 'partly', 'does not hold here', 'not tested'] as const;
export const sorts = ['tested', 'newest', 'paper', 'verdict', 'measure'] as const;

const date = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'A date is written YYYY-MM-DD')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'There is no such day')
  .optional();
const verdict = z.enum(verdicts);

/** The filters as they stand in an address. */
export const LedgerQuery = z.object({
  q: z.string().max(200, 'At most 200 characters of words').optional().openapi({
    description: 'Words, all of which a claim’s id, title, statement or measure has',
  }),
  verdict: z
    .union([verdict, z.array(verdict).max(verdicts.length)], {
      error: `A verdict is one of: ${verdicts.join(', ')}`,
    })
    .optional()
    .openapi({ description: 'One or several verdicts (the parameter repeated)' }),
  family: z.string().max(40, 'The name of a family has at most 40 characters').optional(),
  measure: z.string().max(200, 'At most 200 characters of a measure').optional().openapi({
    description: 'A word or words of what is measured: "speed-up"',
  }),
  model: z.string().max(200, 'The reference of a model has at most 200 characters').optional().openapi({
    description: 'The reference of a model that the evidence was measured on',
  }),
  from: date.openapi({ description: 'First day (UTC) of the evidence; claims without evidence drop out' }),
  to: date.openapi({ description: 'Last day (UTC) of the evidence; claims without evidence drop out' }),
  sort: z
    .enum(sorts, { error: `The order is one of: ${sorts.join(', ')}` })
    .default('tested')
    .openapi({
      description: 'tested: what was tested before what was not, each by paper; newest: latest evidence first',
    }),
});
export type LedgerFilters = z.infer<typeof LedgerQuery>;

/** What was measured here for a claim. */
export interface Here {
  /** The value that the verdict is about, first among those the rule reads. */
  value?: Value & { name: string };
  setting?: string;
  /** Why there is none. */
  why?: string;
  models: string[];
  /** When: a moment (ISO) for what this instance recorded, a day (YYYY-MM-DD) for what ships with the method. */
  at?: string;
  command?: string;
  /** The run of this instance that made it. */
  run?: string;
}

export interface LedgerRow extends LedgerClaim {
  here: Here;
}

function hereOf(claim: LedgerClaim, rule: Rule | undefined): Here {
  const recorded = claim.recorded as (Partial<ClaimEvidence> & { at: string; run?: string | null }) | undefined;
  const evidence: Partial<ClaimEvidence> | undefined = recorded ?? (claim.shipped as ClaimEvidence | undefined);
  const first = inRuleOrder(rule, evidence?.values)[0];
  return {
    value: first && { name: spaced(first[0]), ...first[1] },
    setting: evidence?.setting,
    why: claim.verdict === 'not tested' ? (evidence?.note ?? claim.note ?? 'Not measured yet.') : undefined,
    models: [...new Set((evidence?.models ?? []).map(({ reference }) => reference))],
    at: recorded ? new Date(recorded.at).toISOString() : evidence?.date,
    command: evidence?.command ?? undefined,
    run: recorded?.run ?? undefined,
  };
}

/** Every claim of every paper on the shelf with what was measured here, by family, title and position. */
export async function ledger(library: Library): Promise<LedgerRow[]> {
  const ruleOf = await loadRules();
  return (await listClaims(library)).map((claim) => ({
    ...claim,
    here: hereOf(claim, ruleOf(claim.slug, claim.id)),
  }));
}

const wordsOf = (text: string | undefined) => (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
const has = (text: string, words: readonly string[]) => words.every((word) => text.toLowerCase().includes(word));
const order = (verdict: Verdict) => verdicts.indexOf(verdict);

/** The rows that fit, in the order that was asked for; within it as they stood. */
export function filtered<Row extends LedgerRow>(rows: readonly Row[], filters: LedgerFilters): Row[] {
  const words = wordsOf(filters.q);
  const measure = wordsOf(filters.measure);
  const wanted = filters.verdict === undefined ? [] : [filters.verdict].flat();
  const found = rows.filter((row) => {
    const day = row.here.at?.slice(0, 10);
    return (
      (wanted.length === 0 || wanted.includes(row.verdict)) &&
      (!filters.family || row.family === filters.family) &&
      (!filters.model || row.here.models.includes(filters.model)) &&
      (!filters.from || (day !== undefined && day >= filters.from)) &&
      (!filters.to || (day !== undefined && day <= filters.to)) &&
      has(row.measure, measure) &&
      has(`${row.id} ${row.title} ${row.statement} ${row.measure}`, words)
    );
  });
  switch (filters.sort) {
    case 'tested':
      return found.sort((a, b) => Number(a.verdict === 'not tested') - Number(b.verdict === 'not tested'));
    case 'newest':
      return found.sort((a, b) => (b.here.at ?? '').localeCompare(a.here.at ?? ''));
    case 'verdict':
      return found.sort((a, b) => order(a.verdict) - order(b.verdict));
    case 'measure':
      return found.sort((a, b) => a.measure.localeCompare(b.measure));
    case 'paper':
      return found;
  }
}

export interface ShelfPaper {
  slug: string;
  title: string;
  short: string;
  claims: { verdict: Verdict }[];
}

/** Rows by a key, in the order in which the keys first come. */
function grouped<Row>(rows: readonly Row[], key: (row: Row) => string): [string, Row[]][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const own = groups.get(key(row));
    if (own) own.push(row);
    else groups.set(key(row), [row]);
  }
  return [...groups];
}

/** The strips of all papers, by family. */
export const shelfOf = (rows: readonly LedgerRow[]): { family: string; papers: ShelfPaper[] }[] =>
  grouped(rows, ({ family }) => family).map(([family, claims]) => ({
    family,
    papers: grouped(claims, ({ slug }) => slug).map(([slug, own]) => ({
      slug,
      title: own[0]!.title,
      short: shortTitle(slug, own[0]!.title),
      claims: own.map(({ verdict }) => ({ verdict })),
    })),
  }));
