/** A whole training in a folder: checkpoints that it goes on from, a log, and the model that comes of it. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { elementCount, isBlockType, type SavedType } from '@working-papers/models';
import { saveHuggingFace, writeWhole } from '@working-papers/models/node';
import type { Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import type { LoopPosition, TrainingEnd } from '../../loop/train.ts';
import { lossPlot } from '../../tasks/loss-plot.ts';
import type { TrainingSettings } from '../../tasks/settings.ts';
import type { Task } from '../../tasks/task.ts';
import { type SettledTraining, type TaskEvent, Training } from '../../tasks/training.ts';
import { saveAdapter } from '../adapters/save-adapter.ts';
import { loadCheckpoint, saveCheckpoint } from '../checkpoint-file.ts';
import { readLog, TrainingLog } from './training-log.ts';

export interface FineTuneOptions extends TrainingSettings {
  /** The folder: it must not be there or be empty, unless a training in it goes on. */
  out: string;
  /** Goes on with the training in the folder from its last checkpoint, to the same bits as if it had never ended; from the start where it has none. */
  resume?: boolean | undefined;
  /** Of the saved weights. Default fp32. */
  dtype?: SavedType | undefined;
  /** Kept in training.json: how whoever called made the task. */
  origin?: Readonly<Record<string, unknown>> | undefined;
  /** Default: one made for this training. */
  runtime?: Runtime | undefined;
  onEvent?(event: TaskEvent): void;
  /** Told before the first step: the settings, the steps that were done before, and how many numbers are trained. */
  onStart?(settings: SettledTraining, from: number, weights: number): void;
  /** Ends the training after the step that is under way, with a checkpoint; `fineTune` then rejects with its reason. */
  signal?: AbortSignal | undefined;
}

export interface FineTuned {
  /** The folder. */
  out: string;
  end: TrainingEnd;
  /** Steps that were done. */
  steps: number;
  /** Of the weights that were saved: the best, where there were rows to evaluate on. */
  evaluation?: Readonly<Record<string, number>>;
  /** Sentences that a user should know. */
  notes: string[];
}

/** Names in the folder of a training. */
const places = (out: string) => ({
  state: join(out, 'training.json'),
  log: join(out, 'training.jsonl'),
  plot: join(out, 'loss.vl.json'),
  adapter: join(out, 'adapter'),
  checkpoints: join(out, 'checkpoints'),
  checkpoint: (kind: 'last' | 'best') => join(out, 'checkpoints', `${kind}.safetensors`),
});

/**
 * Trains a task and saves a folder that transformers and `openModel` open: configuration, weights, tokenizer; with `trains: { lora }` the adapter in the PEFT
 * layout too (`adapter/`), the weights merged. Beside them lie `training.json` (settings), `training.jsonl` (a line an event), `loss.vl.json` (a plot) and
 * `checkpoints/` (last and best, each whole at any time). Saved are the best weights where rows are evaluated, else the last.
 *
 * Rejects with a sentence where the folder is in use, the settings are not those that a resumed training had, or the loss stops being a number.
 */
export async function fineTune(task: Task, options: FineTuneOptions): Promise<FineTuned> {
  const { resume = false, dtype = 'fp32', origin, onEvent, onStart, signal, threads, ...settings } = options;
  const out = resolve(options.out);
  const at = places(out);
  await checkFolder(out, resume);
  const runtime = options.runtime ?? createRuntime(threads === undefined ? {} : { threads });
  let training: Training | undefined;
  try {
    // A runtime of our own has the threads for all programs.
    const own = options.runtime && threads !== undefined ? { ...settings, threads } : settings;
    training = await Training.compile(runtime, task, own, { signal });
    const { step } = training;
    await prepareFolder(out);
    await keepState(at.state, training, origin, resume);
    const from = existsSync(at.checkpoint('last'))
      ? ((await loadCheckpoint(at.checkpoint('last'), step)) as unknown as LoopPosition)
      : undefined;
    const log = await TrainingLog.after(at.log, step.done);
    const weights = step.parameters.reduce((sum, { name, shape }) => sum + elementCount(shape, name), 0);
    onStart?.(training.settings, step.done, weights);
    const end = await training.run({
      from,
      signal,
      save: (kind, position) => saveCheckpoint(at.checkpoint(kind), step, { ...position }),
      onEvent: (event) => {
        log.append(event);
        onEvent?.(event);
      },
    });
    const steps = step.done;
    if (end === 'diverged') throw new Error(divergence(training, at));
    if (existsSync(at.checkpoint('best'))) await loadCheckpoint(at.checkpoint('best'), step);
    const evaluation = task.evaluation ? await training.evaluate() : undefined;
    const adapter = training.adapter();
    if (adapter) await saveAdapter(adapter, at.adapter, { base: task.model.reference, overwrite: true });
    const notes: string[] = [];
    if (adapter && [...task.model.tensors.values()].some(({ type }) => isBlockType(type)))
      notes.push(
        `The adapter is saved alone (${at.adapter}): the weights of ${task.model.reference} are quantised, and merged ones would be rounded again. Begin with floats (dequantise) to have it merged.`,
      );
    else await saveHuggingFace(training.model(), out, { dtype, overwrite: true });
    await writeWhole(at.plot, jsonPieces(lossPlot(readLog(at.log))));
    return { out, end, steps, ...(evaluation ? { evaluation } : {}), notes };
  } finally {
    training?.release();
    if (!options.runtime) runtime.close();
  }
}

/** A sentence where something is in the folder that would be written over, or nothing to go on with. */
async function checkFolder(out: string, resume: boolean): Promise<void> {
  const there = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`${out} is no folder to train in (${error.code}). Give another place.`, { cause: error });
  });
  const begun = existsSync(places(out).state);
  if (resume && !begun)
    throw new Error(
      `There is no training in ${out} to go on with. Give the folder of one that was ended before its time.`,
    );
  if (!resume && begun)
    throw new Error(`${out} holds a training already. Go on with it (resume), or give another place.`);
  if (!resume && there.length > 0) throw new Error(`${out} is there already and not empty. Give another place.`);
}

/** Makes the folder, and takes away what a killed process was writing. */
async function prepareFolder(out: string): Promise<void> {
  const { checkpoints } = places(out);
  await mkdir(checkpoints, { recursive: true });
  for (const folder of [out, checkpoints])
    for (const name of await readdir(folder))
      if (name.endsWith('.part')) await rm(join(folder, name), { recursive: true, force: true });
}

/** Writes what the training is, or compares it with what it was. */
async function keepState(
  path: string,
  { task, settings }: Training,
  origin: FineTuneOptions['origin'],
  resume: boolean,
): Promise<void> {
  const { reference, sha256 } = task.model;
  const { trains, ...numbers } = settings;
  const state: Record<string, unknown> = {
    task: task.kind,
    model: { reference, sha256 },
    rows: task.rows,
    labels: task.labels,
    settings: { trains: trains instanceof RegExp ? String(trains) : trains, ...numbers },
  };
  if (!resume) return writeWhole(path, jsonPieces({ ...state, ...(origin ? { origin } : {}) }));
  const before = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const now = JSON.parse(JSON.stringify(state)) as Record<string, unknown>;
  const flat = (value: Record<string, unknown>) => ({ ...value, ...(value.settings as object), settings: undefined });
  const [was, is] = [flat(before), flat(now)] as Record<string, unknown>[];
  for (const name of Object.keys(is!)) {
    // Another machine may have other ones; sums then round otherwise.
    if (name === 'threads') continue;
    const [old, own] = [JSON.stringify(was![name]), JSON.stringify(is![name])];
    if (old !== own)
      throw new Error(
        `The training in ${path} began with other settings: ${name} was ${old}, and is ${own}. Go on with what it began with.`,
      );
  }
}

async function* jsonPieces(value: unknown): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

function divergence({ step, settings }: Training, at: ReturnType<typeof places>): string {
  const kept = existsSync(at.checkpoint('last')) ? ` The last state before it lies in ${at.checkpoint('last')}.` : '';
  return `The loss or its gradient is no number at step ${step.done}: the training has diverged. Train with a lower rate (it was ${settings.rate}) or clip more (${settings.clip}).${kept}`;
}
