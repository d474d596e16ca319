/** Where a graph runs, on Node: ONNX Runtime's C API through koffi. */
export type { EnvironmentOptions } from './environment.ts';
export { type HeavyExit, type HeavyOptions, type HeavyProcess, spawnHeavy } from './heavy.ts';
export { findLibrary, OnnxRuntimeError, onnxRuntimeVersion } from './library.ts';
export { peakResidentBytes, residentBytes } from './memory.ts';
export { type ProcessorKind, processorKind } from './processor.ts';
export { createRuntime, NodeRuntime } from './runtime.ts';
