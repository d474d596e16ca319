export type { ActivationsOptions, Looking } from './activations/looking.ts';
export { forwardInputs } from './activations/taps.ts';
export type * from './activations/types.ts';
export type {
  Architecture,
  ArchitectureFacts,
  ForwardInputName,
  ForwardTensors,
} from './architectures/architecture.ts';
export {
  cachedAttention,
  denseAttention,
  headsApart,
  headsTogether,
  promptAttention,
} from './architectures/attention.ts';
export { clip, clipText, clipVision, type DualEncoderArchitecture } from './architectures/clip.ts';
export type { Decoder, DecoderArchitecture, DecoderInput, DecoderOutput } from './architectures/decoder.ts';
export {
  denseEncoderAttention,
  type Encoder,
  type EncoderArchitecture,
  type EncoderAttentionInput,
  type EncoderConfig,
  type EncoderInput,
  type EncoderMlpInput,
  type EncoderOutput,
  type EncoderParts,
  encoderAttention,
} from './architectures/encoder.ts';
export type { EncoderHead } from './architectures/encoder-heads.ts';
export { gptNeoX } from './architectures/gpt-neox.ts';
export { gpt2 } from './architectures/gpt2.ts';
export { gpt2Shapes } from './architectures/gpt2-shapes.ts';
export {
  architectureOf,
  architectures,
  decoderOf,
  dualEncoderOf,
  encoderOf,
  imageEncoderOf,
  seq2seqOf,
  shapesOf,
} from './architectures/index.ts';
export { gatedMlp, llama } from './architectures/llama.ts';
export { isLlama, type LlamaConfig, llamaConfig } from './architectures/llama-config.ts';
export { llamaShapes } from './architectures/llama-shapes.ts';
export { additiveMask, causalMask, forbidden, paddingMask } from './architectures/masks.ts';
export { withNewHead } from './architectures/new-head.ts';
export type * from './architectures/parts.ts';
export type { VisionConfig } from './architectures/patches.ts';
export { alibiPositions, learnedPositions, noPositions, rotaryPositions } from './architectures/positions.ts';
export type { PreNormParts } from './architectures/pre-norm.ts';
export { type LayerPrefix, prefixAttention } from './architectures/prefix-attention.ts';
export { type QueryBlockOptions, queryBlockAttention } from './architectures/query-block-attention.ts';
export { layerNormalisation, rmsNormalisation } from './architectures/residual.ts';
export { type RotaryFrequencies, rotaryFrequencies, rotaryTables } from './architectures/rotary.ts';
export { selfAttention } from './architectures/self-attention.ts';
export type { CrossStates, Seq2SeqArchitecture, Seq2SeqConfig, Seq2SeqParts } from './architectures/seq2seq.ts';
export { slotAttention } from './architectures/slot-attention.ts';
export {
  type TrainingAttentionOptions,
  trainingAttention,
  trainingEncoderAttention,
} from './architectures/training-attention.ts';
export { type ImageEncoderArchitecture, vit } from './architectures/vit.ts';
export { createEncoder, type EncoderOptions } from './embedding/encoder.ts';
export * from './formats/index.ts';
export * from './generation/constraints/index.ts';
export { createDecoder } from './generation/decoder.ts';
export { sample, seededUniform } from './generation/sampling.ts';
export { QueueFullError, SchedulerClosedError } from './generation/scheduler-errors.ts';
export { createSeq2Seq } from './generation/seq2seq/model.ts';
export type * from './generation/seq2seq/types.ts';
export type * from './generation/slot-types.ts';
export type * from './generation/types.ts';
export { labelsOf } from './heads/labels.ts';
export type * from './heads/types.ts';
export * from './images/index.ts';
export type { ModelFacts } from './model-facts.ts';
export * from './references/index.ts';
export * from './saving/index.ts';
export * from './tokenizers/index.ts';
export * from './types.ts';
export { createDualEncoder } from './vision/dual-encoder.ts';
export { createImageEncoder } from './vision/image-encoder.ts';
export { weightSource } from './weights/weight-source.ts';
