/** A task described in plain values: what a command line says, and what a training goes on from in another process. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { architectureOf, encoderOf } from '@working-papers/models';
import type { OpenModelOptions } from '@working-papers/models/node';
import { type CausalOptions, causalTask } from '../../tasks/causal.ts';
import { type ClassificationOptions, classificationTask } from '../../tasks/classification.ts';
import { type ContrastiveTaskOptions, contrastiveTask } from '../../tasks/contrastive.ts';
import { type DistillationOptions, distillationTask } from '../../tasks/distillation.ts';
import { labelsOfHead } from '../../tasks/heads.ts';
import { type MaskedOptions, maskedTask } from '../../tasks/masked.ts';
import type { Task, TaskKind, TaskOptions } from '../../tasks/task.ts';
import { type TokenOptions, tokenTask } from '../../tasks/token.ts';
import type { TrainableModel } from '../../tasks/trainable-model.ts';
import { findDataFiles } from '../data/data-files.ts';
import { type Dataset, openDataset } from '../data/dataset.ts';
import type { Passage } from '../data/text-formats.ts';
import { newModelFrom } from './new-model-from.ts';
import { openForTraining } from './open-for-training.ts';

/** What a student can be taught. */
export const taught = ['causal', 'masked', 'classification', 'token'] as const;
export type TaughtKind = (typeof taught)[number];

/** A task in plain values, fit for JSON. */
export interface TaskDescription {
  task: TaskKind;
  /** What a teacher teaches; default what its head is for. */
  of?: TaughtKind | undefined;
  /** A reference; or, in place of it, a folder with config.json and a tokenizer of a model that begins from scratch. */
  model?: string | undefined;
  scratch?: string | undefined;
  dequantise?: boolean | undefined;
  teacher?: string | undefined;
  /** A file or a folder; of a folder with several splits `split`, default train. */
  data: string;
  split?: string | undefined;
  /** Rows that are measured: another file, or another split of the same folder (default validation, where there is one). */
  evaluation?: string | undefined;
  evaluationSplit?: string | undefined;
  /** What a row of a plain text is. Default a paragraph where running text is learnt, else a line. */
  passage?: Passage | undefined;
  /** Of the task: columns, labels, lengths, seed. */
  options?: Omit<TaskOptions, 'evaluation'> &
    Omit<
      CausalOptions & MaskedOptions & ClassificationOptions & TokenOptions & ContrastiveTaskOptions,
      'evaluation' | 'share'
    > & {
      maskShare?: number | undefined;
      teacherShare?: DistillationOptions['share'];
    };
}

/** A file that a task reads, as it was. */
export interface ReadFile {
  path: string;
  bytes: number;
  sha256: string;
}

export type OpenTaskOptions = Pick<
  OpenModelOptions,
  'cacheFolder' | 'uploadFolder' | 'offline' | 'signal' | 'onProgress'
>;

/** Opens model and data, and makes the task of them. Rejects with a sentence for whatever of it cannot be. */
export async function openTask(
  description: TaskDescription,
  places: OpenTaskOptions = {},
): Promise<{ task: Task; files: ReadFile[] }> {
  const { task: kind, options = {} } = description;
  const { maskShare, teacherShare, temperature, ...given } = options;
  const model = await openStudent(description, places);
  if (kind !== 'distillation' && description.teacher !== undefined)
    throw new Error(`A teacher is of distillation; the task is ${kind}. Leave the teacher out, or take distillation.`);
  const teacher = kind === 'distillation' ? await openTeacher(description, places) : undefined;
  const taughtKind = teacher ? (description.of ?? kindOf(teacher)) : kind;
  const taughtLabels =
    teacher && (taughtKind === 'classification' || taughtKind === 'token') ? labelsOfHead(teacher) : [];
  const { training, evaluation } = await openData(description, taughtKind);
  const all = {
    ...given,
    ...(evaluation ? { evaluation } : {}),
    ...(maskShare === undefined ? {} : { share: maskShare }),
    ...(kind === 'contrastive' && temperature !== undefined ? { temperature } : {}),
    ...(options.labels === undefined && taughtLabels.length > 0 ? { labels: taughtLabels } : {}),
  };
  const own = await makers[taughtKind as keyof typeof makers](model, training, all);
  const task = teacher
    ? distillationTask(own, teacher, {
        ...(temperature === undefined ? {} : { temperature }),
        ...(teacherShare === undefined ? {} : { share: teacherShare }),
      })
    : own;
  const files = await Promise.all([...training.files, ...(evaluation?.files ?? [])].map(({ path }) => fileAt(path)));
  return { task, files };
}

const makers = {
  causal: causalTask,
  masked: maskedTask,
  classification: classificationTask,
  token: tokenTask,
  contrastive: contrastiveTask,
};

async function openStudent(
  { model, scratch, dequantise, options }: TaskDescription,
  places: OpenTaskOptions,
): Promise<TrainableModel> {
  if ((model === undefined) === (scratch === undefined))
    throw new Error(
      model === undefined
        ? 'There is no model to train. Give one (model), or a folder with a config.json to begin from scratch (scratch).'
        : 'A model (model) and one from scratch (scratch) were given. Give one of them.',
    );
  if (scratch !== undefined) return newModelFrom(scratch, options?.seed);
  return openForTraining(model!, { ...places, ...(dequantise ? { dequantise } : {}) });
}

async function openTeacher({ teacher }: TaskDescription, places: OpenTaskOptions): Promise<TrainableModel> {
  if (teacher === undefined) throw new Error('Distillation needs a teacher: a model of the same tokens (teacher).');
  return openForTraining(teacher, places);
}

/** What a teacher's head is for. */
function kindOf({ config, tensors, reference }: TrainableModel): TaughtKind {
  if (architectureOf(config).kind === 'decoder') return 'causal';
  const head =
    architectureOf(config).kind === 'encoder'
      ? encoderOf(config).head(config, { has: (name) => tensors.has(name) })
      : undefined;
  if (head === 'masked-lm') return 'masked';
  if (head === 'sequence-classification') return 'classification';
  if (head === 'token-classification') return 'token';
  throw new Error(
    `The teacher ${reference} has no head that a student could learn from. Take one that classifies, or predicts tokens.`,
  );
}

async function openData(
  { data, split, evaluation, evaluationSplit, passage, options }: TaskDescription,
  kind: TaskKind,
): Promise<{ training: Dataset; evaluation?: Dataset }> {
  const running =
    (kind === 'causal' && options?.prompt === undefined && options?.messages === undefined) || kind === 'masked';
  const shared = { passage: passage ?? (running ? ('paragraph' as const) : ('line' as const)) };
  const splits = new Set((await findDataFiles(data)).map((file) => file.split));
  const several = splits.size > 1;
  const chosen = split ?? (several && splits.has('train') ? 'train' : undefined);
  const training = await openDataset(data, { ...shared, ...(chosen === undefined ? {} : { split: chosen }) });
  if (evaluation !== undefined)
    return {
      training,
      evaluation: await openDataset(evaluation, {
        ...shared,
        ...(evaluationSplit === undefined ? {} : { split: evaluationSplit }),
      }),
    };
  const measured =
    evaluationSplit ??
    (several && splits.has('validation') && options?.evaluationShare === undefined && chosen !== 'validation'
      ? 'validation'
      : undefined);
  return measured === undefined
    ? { training }
    : { training, evaluation: await openDataset(data, { ...shared, split: measured }) };
}

async function fileAt(path: string): Promise<ReadFile> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return { path: resolve(path), bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** What `training.json` says of how its task was made, as `fineTune` was given it as `origin`. */
export interface TrainingOrigin {
  description: TaskDescription;
  files: readonly ReadFile[];
  /** Settings as they were given, fit for JSON. */
  settings: Readonly<Record<string, unknown>>;
}

/** Reads how the training in a folder was begun. Throws a sentence where there is none, or it was begun by a program of its own. */
export async function originOf(folder: string): Promise<TrainingOrigin> {
  const path = join(resolve(folder), 'training.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new Error(`There is no training in ${resolve(folder)} to go on with. Give the folder that it was begun in.`);
  const { origin } = JSON.parse(text) as { origin?: TrainingOrigin };
  if (origin?.description) return origin;
  throw new Error(`${path} does not say how the training was begun, so only the program that began it can go on.`);
}

/** Throws a sentence where files are not what they were. */
export function checkFiles(before: readonly ReadFile[], now: readonly ReadFile[]): void {
  const same = (one: ReadFile, other: ReadFile | undefined) => one.sha256 === other?.sha256;
  const odd = now.find((file, index) => !same(file, before[index]));
  if (odd || before.length !== now.length)
    throw new Error(
      `The data are not what the training began with: ${odd?.path ?? 'a file is missing'} is another file. Put it back, or train anew.`,
    );
}
