export { type FineTuned, type FineTuneOptions, fineTune } from './fine-tune.ts';
export { newModelFrom } from './new-model-from.ts';
export { type OpenForTrainingOptions, openForTraining } from './open-for-training.ts';
export {
  checkFiles,
  type OpenTaskOptions,
  openTask,
  originOf,
  type ReadFile,
  type TaskDescription,
  type TaughtKind,
  type TrainingOrigin,
  taught,
} from './open-task.ts';
export { readLog } from './training-log.ts';
