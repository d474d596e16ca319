/** What pages need of a method: its descriptor, its form and its evidence. Descriptors only, never engine code. */
import type { Library } from '@working-papers/library';
import {
  actionsOf,
  built,
  type Evidence,
  type Field,
  fieldsOf,
  judge,
  loadDescriptors,
  loadEvidence,
  type Method,
} from '@working-papers/methods';
import { listEvidence } from '@working-papers/runs';

export { abstractPieces, renderMarkdown } from './text.ts';

export async function methodOf(slug: string): Promise<Method | undefined> {
  return (await loadDescriptors()).find((method) => method.slug === slug);
}

/** Where evidence of this instance came from: the run, unless it was deleted, and the moment (ISO). */
export interface Origin {
  run?: string;
  at: string;
}

/** The evidence shown for a paper: what this instance recorded, claim by claim, else what ships with the method. */
export async function evidenceFor(
  slug: string,
  library?: Library,
): Promise<{ evidence: Evidence; origins: Record<string, Origin>; from: 'shipped' | 'instance' } | undefined> {
  const method = await methodOf(slug);
  if (!method) return undefined;
  const shipped = await loadEvidence(slug);
  const rows = library ? await listEvidence(library, slug) : [];
  if (rows.length === 0) return { evidence: shipped, origins: {}, from: 'shipped' };
  const claims = { ...shipped.claims };
  const origins: Record<string, Origin> = {};
  for (const row of [...rows].reverse()) {
    origins[row.claim] = { ...(row.run ? { run: row.run } : {}), at: row.at };
    claims[row.claim] = {
      verdict: row.verdict,
      stage: row.stage,
      values: row.values,
      setting: row.setting,
      command: row.command,
      models: row.models,
      seeds: row.seeds,
      machine: row.machine,
      versions: row.versions,
      note: row.note,
      date: row.at.slice(0, 10),
    };
  }
  return { evidence: judge(method, { ...shipped, claims }), origins, from: 'instance' };
}

export interface Form {
  actions: string[];
  defaultAction?: string;
  /** By action; under '' when the method has none. */
  fields: Record<string, Field[]>;
}

/** The run form as plain data; undefined when the method is not built. */
export async function formOf(slug: string): Promise<Form | undefined> {
  const method = await methodOf(slug);
  if (!method || !built(method)) return undefined;
  const actions = actionsOf(method);
  const fields =
    actions.length === 0
      ? { '': fieldsOf(method) }
      : Object.fromEntries(actions.map((action) => [action, fieldsOf(method, action)]));
  return { actions, defaultAction: method.defaultAction, fields };
}
