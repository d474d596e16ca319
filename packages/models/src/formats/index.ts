export { blockLayouts } from './block-layouts.ts';
export { checkConfig } from './config.ts';
export { dequantise } from './dequantise.ts';
export { byteLengthOf, elementBytes, elementCount, isBlockType } from './element-types.ts';
export { float16Table } from './float16.ts';
export { FormatError } from './format-error.ts';
export { type GgufHeader, type GgufTensor, type GgufValue, HeaderGoesOn, parseGgufHeader } from './gguf.ts';
export { configOfGguf, layoutOfGguf } from './gguf-config.ts';
export { type GgufLayout, ggufLayouts, type RowSwap } from './gguf-layouts.ts';
export { ggufName, huggingFaceName, swapRows } from './gguf-names.ts';
export { tokenizerOfGguf } from './gguf-tokenizer.ts';
export { heldTensor } from './held-tensor.ts';
export { quantise, type WrittenType, writtenTypes } from './quantise.ts';
export {
  joinedPieces,
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
