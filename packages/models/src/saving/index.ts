export { type GgufPlan, planGguf } from './gguf.ts';
export { filesBeside, type HuggingFaceOptions, type SavedFile, weightFiles } from './hugging-face.ts';
export { type OnnxOptions, onnxProgram } from './onnx.ts';
export { floatTensor, withTensors } from './tensors.ts';
export { type ModelToSave, type SavedType, savedTypes, type TensorToSave } from './types.ts';
