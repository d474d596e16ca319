export { type OpenCheckpointOptions, openCheckpoint } from './open-checkpoint.ts';
