/** A method as a job: queue, worker, events, evidence. */
export { listArtifacts, openArtifact } from './artifacts.ts';
export { closeQueue } from './bell.ts';
export { type CommandOf, commandLine, commandOf, flagName } from './command.ts';
export { estimateRun, type RunEstimate } from './estimates.ts';
export { followEvents, readEvents } from './events.ts';
export { listEvidence, listInstanceEvidence } from './evidence.ts';
export { markLost, watchLost } from './lost.ts';
export { listModelsAtHand, type ModelAtHand } from './models-at-hand.ts';
export { checkPlot, plotLimits } from './plots/check.ts';
export { plotConfig } from './plots/config.ts';
export { type Drawing, type DrawOptions, drawLimits, drawPlot, drawPlots } from './plots/draw.ts';
export { dark as darkPalette, light as lightPalette, type Palette } from './plots/palette.ts';
export { cancelRun, createRun, repeatRun } from './requests.ts';
export { countRuns, getRun, type ListRunsOptions, listRuns } from './rows.ts';
export { registerMethods, registrationsOf } from './shelf.ts';
export * from './types.ts';
export { checkRoom, type IncomingFile, type ReceiveOptions, receiveUpload, uploadLimit } from './uploads/receive.ts';
export { deleteUpload, getUpload, listUploads } from './uploads/store.ts';
export { type Upload, UploadError, type UploadKind, uploadKinds } from './uploads/types.ts';
export {
  defaultIntervals,
  type Intervals,
  startWorker,
  type Worker,
  type WorkerOptions,
  workersPresent,
} from './worker.ts';
