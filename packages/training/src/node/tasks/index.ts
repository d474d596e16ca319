export { type FineTuned, type FineTuneOptions, fineTune } from './fine-tune.ts';
export { type OpenForTrainingOptions, openForTraining } from './open-for-training.ts';
export { readLog } from './training-log.ts';
