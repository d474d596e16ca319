export { readJsonObject } from './json-file.ts';
export { type OpenCheckpointOptions, openCheckpoint } from './open-checkpoint.ts';
export { readFolder, readSafetensors } from './open-safetensors.ts';
export { readTorch } from './open-torch.ts';
export { WeightFile } from './weight-file.ts';
