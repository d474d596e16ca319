/** What is computed: symbolic tensors, operations with their gradients, ONNX bytes. Imports nothing of Node. */
export {
  type Dimension,
  dimensionDifference,
  dimensionProduct,
  dimensionQuotient,
  dimensionSum,
  formatShape,
  isStatic,
  type Shape,
  sameShape,
} from './dimensions.ts';
export { type GradientOptions, gradient } from './gradient.ts';
export {
  externalData,
  type OnnxInitializer,
  type OnnxProgram,
  toOnnx,
  type ValueInfo,
  weightsLocation,
} from './onnx/model.ts';
export { onnxTypes } from './onnx/types.ts';
export { operationsBefore } from './onnx/writer.ts';
export {
  type MultiHeadAttentionInputs,
  type MultiHeadAttentionOptions,
  multiHeadAttention,
} from './operations/attention.ts';
export { cast } from './operations/cast.ts';
export {
  and,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  not,
  or,
  where,
} from './operations/comparison.ts';
export { customGradient, externalGradient, stopGradient, straightThrough } from './operations/custom.ts';
export { dropout } from './operations/dropout.ts';
export { add, clip, div, max, min, mod, mul, pow, sub } from './operations/elementwise.ts';
export { expand, expandLike, full, onesLike, zerosLike } from './operations/expand.ts';
export {
  type FusedMatmulOptions,
  fusedMatmul,
  quickGelu,
  type SkipNormOptions,
  skipLayerNorm,
  skipRmsNorm,
} from './operations/fused.ts';
export {
  type GroupQueryAttentionInputs,
  type GroupQueryAttentionOptions,
  groupQueryAttention,
} from './operations/group-query-attention.ts';
export { bitwiseAnd, murmurHash3 } from './operations/hashing.ts';
export {
  argMax,
  argMin,
  cumSum,
  gather,
  gatherElements,
  scatterElements,
  scatterND,
  topK,
  trilu,
} from './operations/indexing.ts';
export { mapSlices } from './operations/map-slices.ts';
export { type GemmOptions, gemm, matmul } from './operations/matmul.ts';
export { layerNorm, logSoftmax, type NormOptions, rmsNorm, softmax } from './operations/normalisation.ts';
export {
  dequantizeLinear,
  dynamicQuantizeMatMul,
  type MatMulNBitsOptions,
  matMulInteger,
  matMulIntegerToFloat,
  matMulNBits,
  quantizeLinear,
} from './operations/quantised.ts';
export { type RangeBound, type RangeOptions, range } from './operations/range.ts';
export {
  type Axes,
  type ReductionOptions,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
} from './operations/reduction.ts';
export { type RotaryOptions, rotaryEmbedding } from './operations/rotary-embedding.ts';
export {
  dimensionOf,
  matrixTranspose,
  nameDimensions,
  reshape,
  reshapeLike,
  shapeOf,
  squeeze,
  transpose,
  unsqueeze,
} from './operations/shape.ts';
export { type Bound, concat, pad, type SliceOptions, sizeOf, slice, split, tile } from './operations/slicing.ts';
export { bfloat16Bits, constant, float16Bits, initializer, input, type Operand } from './operations/sources.ts';
export {
  abs,
  ceil,
  cos,
  erf,
  exp,
  floor,
  gelu,
  log,
  neg,
  relu,
  round,
  sigmoid,
  sign,
  silu,
  sin,
  sqrt,
  tanh,
} from './operations/unary.ts';
export { zeroAfter } from './operations/waiting.ts';
export type { Segment } from './recompute.ts';
export { nearestName, type Tape, type TapeOptions, tapeOf } from './tape.ts';
export {
  type DataType,
  describe,
  elementBytes,
  isFloat,
  type Operation,
  type Rule,
  ShapeError,
  type Tensor,
  type TensorData,
  type TensorType,
} from './tensor.ts';
