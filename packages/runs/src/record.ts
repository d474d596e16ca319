/** `--record`: an experiment's evidence written into the paper's room, merged by claim, each file whole or not at all. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { judge, type Method, readEvidence } from '@working-papers/methods';
import type { ClaimEvidence, Evidence, RunEvent } from '@working-papers/methods/contract';
import { lock } from 'proper-lockfile';

export type PlotEvent = RunEvent & { type: 'plot' };

/** A recorded plot ships with the repository, so it stays small. */
export const recordedPlotBytes = 64 * 1024;

export interface StageResults {
  entries: readonly { claim: string; entry: ClaimEvidence }[];
  plots: readonly PlotEvent[];
}

/**
 * Merges what a stage measured into `<room>/evidence.json` and writes its plots beside it. Claims that the stage did not measure keep
 * their entry; a claim that was never measured gets one that says why. Returns sentences about what was left out.
 * @param room the folder of the paper's room; it must exist
 */
export async function recordEvidence(method: Method, room: string, results: StageResults): Promise<string[]> {
  const release = await lock(room, { retries: { retries: 20, minTimeout: 50, maxTimeout: 500 }, stale: 20_000 });
  try {
    const problems: string[] = [];
    const before = await readEvidence(method);
    const plots = [...(before?.plots ?? [])];
    for (const event of results.plots) {
      const problem = await recordPlot(room, event, plots);
      if (problem) problems.push(problem);
    }
    if (plots.length > 0 && !plots.some((plot) => plot.lead)) (plots[0] as (typeof plots)[number]).lead = true;
    const claims = mergeClaims(method, before?.claims ?? {}, results.entries);
    const evidence = judge(method, { paper: method.slug, plots, claims });
    await writeWhole(join(room, 'evidence.json'), `${JSON.stringify(evidence, null, 2)}\n`);
    return problems;
  } finally {
    await release();
  }
}

/** The new entries over the old ones; an entry of another stage than the rule's never displaces one of the rule's. */
function mergeClaims(
  method: Method,
  before: Evidence['claims'],
  entries: StageResults['entries'],
): Record<string, ClaimEvidence> {
  const merged = { ...before };
  for (const { claim, entry } of entries) {
    const stage = method.claims.find((candidate) => candidate.id === claim)?.rule?.stage;
    const held = merged[claim];
    if (held && stage !== undefined && held.stage === stage && entry.stage !== stage) continue;
    merged[claim] = entry;
  }
  return merged;
}

async function recordPlot(room: string, event: PlotEvent, plots: Evidence['plots']): Promise<string | undefined> {
  const name = event.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const text = `${JSON.stringify(event.spec)}\n`;
  if (name === '')
    return `The plot "${event.name}" has no letter or digit in its name, so no file can be named after it.`;
  if (Buffer.byteLength(text) > recordedPlotBytes) {
    return `The plot "${event.name}" has ${Buffer.byteLength(text)} bytes; a recorded plot has at most ${recordedPlotBytes}.`;
  }
  const file = `plots/${name}.vl.json`;
  await writeWhole(join(room, file), text);
  const known = plots.findIndex((plot) => plot.file === file);
  const plot = {
    name: event.name,
    file,
    caption: event.caption,
    ...(event.setting === undefined ? {} : { setting: event.setting }),
    ...(plots[known]?.lead ? { lead: true } : {}),
  };
  if (known === -1) plots.push(plot);
  else plots[known] = plot;
  return undefined;
}

/** Writes beside and renames; leaves the file alone when it would not change. */
async function writeWhole(path: string, text: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === text) return;
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, text);
  await rename(partial, path);
}
