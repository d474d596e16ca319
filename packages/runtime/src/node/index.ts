/** Where a graph runs, on Node: ONNX Runtime's C API through koffi. */
export type { EnvironmentOptions } from './environment.ts';
export { findLibrary, OnnxRuntimeError, onnxRuntimeVersion } from './library.ts';
export * from './processes.ts';
export { type ProcessorKind, processorKind } from './processor.ts';
export { createRuntime, NodeRuntime } from './runtime.ts';
