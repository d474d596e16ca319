import type { DataType } from '../tensor.ts';

/** Numbers of the element types in onnx.proto (TensorProto.DataType). */
export const onnxTypes: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};
