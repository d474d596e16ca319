/** Evidence: what a room's experiment last measured, with the verdict computed anew from the values. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Claim, ClaimEvidence, Evidence, Method } from './contract.ts';
import { built } from './descriptor.ts';
import { descriptorOf, roomFolder } from './registry.ts';
import { verdict } from './rules.ts';

/** Why a claim for which nothing else is said was not tested. */
const reasonOf = (method: Method): string => (built(method) ? 'Not measured yet.' : 'Method not built yet.');

/**
 * `recorded` (a room's evidence.json, or nothing) as it is shown: an entry for every claim, its verdict computed from the values by
 * the claim's rule in the rule's stage, whatever the file says; a claim without one is 'not tested' with the reason.
 */
export function judge(method: Method, recorded?: Partial<Evidence>): Evidence {
  const claims: Record<string, ClaimEvidence> = {};
  for (const claim of method.claims) {
    const entry = recorded?.claims && Object.hasOwn(recorded.claims, claim.id) ? recorded.claims[claim.id] : undefined;
    const judged = verdict(claim.rule, entry?.values, entry?.stage ?? '');
    // The descriptor's own reason wins over a recorded one, which may be older than it.
    const reason = judged === 'not tested' ? { note: claim.note ?? entry?.note ?? reasonOf(method) } : {};
    claims[claim.id] = { ...entry, verdict: judged, ...reason };
  }
  return { paper: method.slug, plots: recorded?.plots ?? [], claims };
}

/** The evidence of `slug` that ships with its room; every claim is 'not tested' where there is none. */
export async function loadEvidence(slug: string): Promise<Evidence> {
  const method = await descriptorOf(slug);
  return judge(method, await readEvidence(method));
}

/** The room's evidence.json as it stands, or nothing. Throws an error naming the file when it cannot be read. */
export async function readEvidence(method: Method): Promise<Evidence | undefined> {
  const file = `${roomFolder(method)}evidence.json`;
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Evidence;
  } catch (error) {
    throw new Error(`The evidence of '${method.slug}' cannot be read (${file}): ${(error as Error).message}`);
  }
}

/** The Vega-Lite spec of a plot named in the room's evidence, `file` relative to the room ("plots/speed.vl.json"). */
export async function plotSpec(slug: string, file: string): Promise<Record<string, unknown>> {
  const method = await descriptorOf(slug);
  if (!/^plots\/[a-z0-9][a-z0-9.-]*\.vl\.json$/.test(file))
    throw new Error(`'${file}' does not name a plot of a room.`);
  return JSON.parse(await readFile(`${roomFolder(method)}${file}`, 'utf8')) as Record<string, unknown>;
}

/** Every claim of `method` beside its evidence, in the note's order. */
export const claimsOf = (method: Method, evidence: Evidence): { claim: Claim; evidence: ClaimEvidence }[] =>
  method.claims.map((claim) => ({ claim, evidence: evidence.claims[claim.id]! }));
