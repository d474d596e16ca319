/**
 * What models are trained for, a function each: it makes the graph of the loss and the batches of a user's rows, and `Training` goes through
 * them. `/node` opens models and has `fineTune`, which does it all in a folder.
 */
export { type CausalOptions, causalTask } from './causal.ts';
export { type ClassificationOptions, classificationTask } from './classification.ts';
export { type ContrastiveTaskOptions, contrastiveTask } from './contrastive.ts';
export { type DistillationOptions, distillationTask } from './distillation.ts';
export { type MaskedOptions, maskedTask } from './masked.ts';
export { newModel } from './new-model.ts';
export { type Decline, declines, type TrainingSettings } from './settings.ts';
export type { Labelled, Task, TaskGraph, TaskKind, TaskOptions } from './task.ts';
export type { RowStream, TaskData } from './task-data.ts';
export { type TokenOptions, tokenTask } from './token.ts';
export type { TrainableModel } from './trainable-model.ts';
export type { Trained } from './trained-weights.ts';
export { type RunTrainingOptions, type SettledTraining, type TaskEvent, Training } from './training.ts';
