/** The process of one run: receives what to run, runs it, says how it ended. Killed to cancel; leaves when its worker does. */
import { descriptorOf, fieldsOf, loadExperiment, loadMethod } from '@working-papers/methods';
import type { RunContext, Stage } from '@working-papers/methods/contract';
import { peakResidentBytes } from '@working-papers/runtime/processes';
import { uploadsFolder } from '../uploads/store.ts';
import { createContext } from './context.ts';
import { hashInput } from './input-bytes.ts';
import { sourceOf } from './inputs.ts';
import { machineWords, readMachine, readVersions } from './machine.ts';
import type { StartMessage } from './messages.ts';
import { leave, listenOnce, tell } from './parent.ts';

async function run(start: StartMessage): Promise<void> {
  const aborter = new AbortController();
  const machine = await readMachine();
  tell({ kind: 'machine', machine: machineWords(machine), versions: readVersions() });
  const hashed = tellInputs(start);
  let peak = 0;
  const { context, close } = createContext(start, machine, aborter.signal, {
    event: (event) => tell({ kind: 'event', event }),
    model: (model) => tell({ kind: 'model', model }),
    apart: (peakBytes) => {
      peak = Math.max(peak, peakBytes);
    },
  });
  try {
    if (start.run.experiment) await runExperiment(start.run.slug, start.run.stage, context);
    else await (await loadMethod(start.run.slug)).run(start.run.parameters, context);
    await hashed;
  } finally {
    aborter.abort();
    close();
  }
  leave({ kind: 'done', peakBytes: Math.max(peak, peakResidentBytes()) });
}

async function runExperiment(slug: string, wanted: string | undefined, context: RunContext): Promise<void> {
  const { experiment } = await loadExperiment(slug);
  for (const [index, stage] of chosenStages(slug, experiment, wanted).entries()) {
    const total = wanted === undefined ? experiment.length : 1;
    context.emit({ type: 'progress', stage: stage.name, done: index, total, unit: 'stages', message: stage.title });
    await stage.run(context);
    tell({ kind: 'stage', name: stage.name });
  }
}

function chosenStages(slug: string, experiment: readonly Stage[], wanted: string | undefined): readonly Stage[] {
  if (wanted === undefined) return experiment;
  const stages = experiment.filter((stage) => stage.name === wanted);
  if (stages.length > 0) return stages;
  const names = experiment.map((stage) => stage.name).join(', ');
  throw new Error(`The experiment of ${slug} has no stage "${wanted}"; its stages are ${names}.`);
}

/** Hashes of what the reader brought, for the manifest; in the background. */
async function tellInputs(start: StartMessage): Promise<void> {
  if (start.run.experiment) return;
  const fields = fieldsOf(await descriptorOf(start.run.slug), start.run.action);
  const brought = fields.filter((field) => field.kind === 'text' || field.kind === 'dataset' || field.kind === 'file');
  for (const { name } of brought) {
    for (const value of [start.run.parameters[name]].flat()) {
      if (typeof value !== 'string') continue;
      try {
        const source = sourceOf(value, uploadsFolder(start.dataFolder));
        tell({ kind: 'input', input: { field: name, ...(await hashInput(source)) } });
      } catch {
        // An input that cannot be read is the method's to report, when it reads it.
      }
    }
  }
}

listenOnce(run);
