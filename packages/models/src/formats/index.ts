export { checkConfig, configOfGguf } from './config.ts';
export { dequantise, float16Table } from './dequantise.ts';
export { blockBytes, blockElements, byteLengthOf, elementBytes, elementCount, isBlockType } from './element-types.ts';
export { FormatError } from './format-error.ts';
export { type GgufHeader, type GgufTensor, type GgufValue, HeaderGoesOn, parseGgufHeader } from './gguf.ts';
export { huggingFaceName, undoRowPermutation } from './gguf-names.ts';
export { tokenizerOfGguf } from './gguf-tokenizer.ts';
export {
  parseSafetensorsHeader,
  parseShardIndex,
  type SafetensorsEntry,
  type SafetensorsTensor,
  safetensorsFile,
  safetensorsHeader,
  safetensorsHeaderLength,
} from './safetensors.ts';
export type {
  BlockType,
  Checkpoint,
  CheckpointFile,
  ModelConfig,
  PlainType,
  RopeScaling,
  WeightTensor,
  WeightType,
} from './types.ts';
