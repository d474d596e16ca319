/** How weights change: optimisers, adapters, data, loops and checkpoints. Imports nothing of Node; `/node` does. */
export * from './adapters/index.ts';
export * from './data/index.ts';

export { dropoutRates } from './dropout/dropout-rates.ts';
export { type DropoutRates, dropoutTap } from './dropout/dropout-tap.ts';
export { normalValues, uniformValues } from './initial-values.ts';
export {
  type BatchSource,
  type Evaluation,
  type LoopPosition,
  type TrainingEnd,
  type TrainingEvent,
  type TrainOptions,
  train,
} from './loop/train.ts';
export { type ChunkOptions, chunkedCrossEntropy } from './losses/chunked-cross-entropy.ts';
export { type ContrastiveOptions, contrastive } from './losses/contrastive.ts';
export { crossEntropy, labelledWeight } from './losses/cross-entropy.ts';
export { type KlDivergenceOptions, klDivergence } from './losses/kl-divergence.ts';
export { meanSquaredError } from './losses/mean-squared-error.ts';
export type { RowOptions } from './losses/row-shares.ts';
export { logSumExp, zLoss } from './losses/z-loss.ts';
export {
  type AdafactorOptions,
  adafactor,
  clipByBlockRms,
  type FactoredOptions,
  scaleByFactoredRms,
  scaleByParameterRms,
} from './optimisers/adafactor.ts';
export { type AdamOptions, type AdamWOptions, adamW, scaleByAdam } from './optimisers/adam.ts';
export { type AfterUpdate, applyUpdates } from './optimisers/apply.ts';
export { clipByGlobalNorm, clipByValue, type GlobalNormOptions, globalNorm } from './optimisers/clipping.ts';
export { addDecayedWeights, type DecoupledDecay, decayWeights, type WeightDecay } from './optimisers/decay.ts';
export { type Group, groups } from './optimisers/groups.ts';
export { checkInPlace, type Replaced } from './optimisers/in-place.ts';
export { type LionMoments, type LionOptions, lion, scaleByLion } from './optimisers/lion.ts';
export { scaleByRate } from './optimisers/rate.ts';
export type { Schedule } from './optimisers/schedules.ts';
export * as schedules from './optimisers/schedules.ts';
export { type SgdOptions, sgd, type TraceOptions, trace } from './optimisers/sgd.ts';
export { chain, mapUpdates, type OptimiserScope, type Transformation } from './optimisers/transformation.ts';
export { averageWeights } from './optimisers/weight-average.ts';
export { isSelected, type Parameter, type Selection, type Updates } from './parameters.ts';
export { permutation, type RandomKey, randomBits, randomKey, uniformAt } from './random.ts';
export type { StepInputs } from './step/batch-calls.ts';
export { type Beside, checkpointBytes, restoreCheckpointBytes } from './step/checkpoint.ts';
export { detachTap } from './step/detach-tap.ts';
export { nextName, type State, StepScope, type StepScopeOptions } from './step/scope.ts';
export {
  type Activations,
  attentionSegments,
  blockSegments,
  type CollectOptions,
  collectActivations,
  type SegmentOptions,
} from './step/segments.ts';
export type { TrainingGraph, Watched } from './step/step-graph.ts';
export { StepRandom } from './step/step-random.ts';
export { type StepResult, TrainingStep, type TrainingStepOptions } from './step/training-step.ts';
export * from './tasks/index.ts';
export { type Alarm, type AlarmLimits, alarms } from './telemetry/alarms.ts';
export { type LayerTelemetry, type Telemetry, telemetryOf } from './telemetry/telemetry.ts';
export {
  type ActivationMetrics,
  activationMetrics,
  type WatchOptions,
  watchTraining,
} from './telemetry/watch-training.ts';
export { scratchWeights } from './weights/scratch-weights.ts';
export { type TrainableOptions, type TrainableWeights, trainableWeights } from './weights/trainable-weights.ts';
