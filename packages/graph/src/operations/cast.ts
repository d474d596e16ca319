import { onnxTypes } from '../onnx/types.ts';
import { apply, type DataType, isFloat, rule, type Tensor } from '../tensor.ts';

const castRule = rule<readonly [Tensor], { dtype: DataType }>({
  name: 'cast',
  infer: ([x], { dtype }) => [{ dtype, shape: x.shape }],
  gradient: ({ inputs: [x], gradient: g }) => [isFloat(x.dtype) && isFloat(g.dtype) ? cast(g, x.dtype) : undefined],
  onnx: { type: 'Cast', attributes: ({ dtype }) => ({ to: { int: onnxTypes[dtype] } }) },
});

/** `x` with another element type; `x` itself when it has it already. Gradients flow between floating types. */
export function cast(x: Tensor, dtype: DataType): Tensor {
  return x.dtype === dtype ? x : apply(castRule, [x], { dtype });
}
