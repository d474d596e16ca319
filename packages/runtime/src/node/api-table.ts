// Made by scripts/generate-api-table.mjs from scripts/onnxruntime-api.txt; do not edit.
import type { Native, Out, Pointer } from './native.ts';

/** Where each function lies in the table that `OrtApiBase.GetApi` returns. */
export const apiTable: readonly { name: keyof Api; index: number; prototype: string }[] = [
  { name: 'CreateStatus', index: 0, prototype: 'void* CreateStatus(int code, str message)' },
  { name: 'GetErrorCode', index: 1, prototype: 'int GetErrorCode(void* status)' },
  { name: 'GetErrorMessage', index: 2, prototype: 'str GetErrorMessage(void* status)' },
  { name: 'DisableTelemetryEvents', index: 6, prototype: 'void* DisableTelemetryEvents(void* environment)' },
  {
    name: 'CreateSessionFromArray',
    index: 8,
    prototype:
      'void* CreateSessionFromArray(void* environment, void* model, size_t bytes, void* options, _Out_ void** session)',
  },
  {
    name: 'Run',
    index: 9,
    prototype:
      'void* Run(void* session, void* options, void* inputNames, void* inputs, size_t inputCount, void* outputNames, size_t outputCount, void* outputs)',
  },
  { name: 'CreateSessionOptions', index: 10, prototype: 'void* CreateSessionOptions(_Out_ void** options)' },
  { name: 'EnableProfiling', index: 14, prototype: 'void* EnableProfiling(void* options, str prefix)' },
  { name: 'DisableMemPattern', index: 17, prototype: 'void* DisableMemPattern(void* options)' },
  {
    name: 'SetSessionGraphOptimizationLevel',
    index: 23,
    prototype: 'void* SetSessionGraphOptimizationLevel(void* options, int level)',
  },
  { name: 'SetIntraOpNumThreads', index: 24, prototype: 'void* SetIntraOpNumThreads(void* options, int threads)' },
  { name: 'CreateRunOptions', index: 39, prototype: 'void* CreateRunOptions(_Out_ void** options)' },
  { name: 'RunOptionsSetTerminate', index: 46, prototype: 'void* RunOptionsSetTerminate(void* options)' },
  { name: 'RunOptionsUnsetTerminate', index: 47, prototype: 'void* RunOptionsUnsetTerminate(void* options)' },
  {
    name: 'CreateTensorWithDataAsOrtValue',
    index: 49,
    prototype:
      'void* CreateTensorWithDataAsOrtValue(void* memory, void* data, size_t bytes, int64_t* shape, size_t rank, int type, _Out_ void** value)',
  },
  { name: 'GetTensorMutableData', index: 51, prototype: 'void* GetTensorMutableData(void* value, _Out_ void** data)' },
  { name: 'GetTensorElementType', index: 60, prototype: 'void* GetTensorElementType(void* info, _Out_ int* type)' },
  { name: 'GetDimensionsCount', index: 61, prototype: 'void* GetDimensionsCount(void* info, _Out_ size_t* rank)' },
  { name: 'GetDimensions', index: 62, prototype: 'void* GetDimensions(void* info, int64_t* shape, size_t rank)' },
  {
    name: 'GetTensorTypeAndShape',
    index: 65,
    prototype: 'void* GetTensorTypeAndShape(void* value, _Out_ void** info)',
  },
  {
    name: 'CreateCpuMemoryInfo',
    index: 69,
    prototype: 'void* CreateCpuMemoryInfo(int allocatorType, int memoryType, _Out_ void** memory)',
  },
  { name: 'ReleaseEnv', index: 92, prototype: 'void ReleaseEnv(void* environment)' },
  { name: 'ReleaseStatus', index: 93, prototype: 'void ReleaseStatus(void* status)' },
  { name: 'ReleaseMemoryInfo', index: 94, prototype: 'void ReleaseMemoryInfo(void* memory)' },
  { name: 'ReleaseSession', index: 95, prototype: 'void ReleaseSession(void* session)' },
  { name: 'ReleaseValue', index: 96, prototype: 'void ReleaseValue(void* value)' },
  { name: 'ReleaseRunOptions', index: 97, prototype: 'void ReleaseRunOptions(void* options)' },
  { name: 'ReleaseTensorTypeAndShapeInfo', index: 99, prototype: 'void ReleaseTensorTypeAndShapeInfo(void* info)' },
  { name: 'ReleaseSessionOptions', index: 100, prototype: 'void ReleaseSessionOptions(void* options)' },
  {
    name: 'CreateEnvWithGlobalThreadPools',
    index: 119,
    prototype: 'void* CreateEnvWithGlobalThreadPools(int logLevel, str name, void* options, _Out_ void** environment)',
  },
  { name: 'DisablePerSessionThreads', index: 120, prototype: 'void* DisablePerSessionThreads(void* options)' },
  { name: 'CreateThreadingOptions', index: 121, prototype: 'void* CreateThreadingOptions(_Out_ void** options)' },
  { name: 'ReleaseThreadingOptions', index: 122, prototype: 'void ReleaseThreadingOptions(void* options)' },
  {
    name: 'AddSessionConfigEntry',
    index: 130,
    prototype: 'void* AddSessionConfigEntry(void* options, str key, str value)',
  },
  {
    name: 'SetGlobalIntraOpNumThreads',
    index: 147,
    prototype: 'void* SetGlobalIntraOpNumThreads(void* options, int threads)',
  },
  {
    name: 'SetGlobalInterOpNumThreads',
    index: 148,
    prototype: 'void* SetGlobalInterOpNumThreads(void* options, int threads)',
  },
  { name: 'SetGlobalSpinControl', index: 149, prototype: 'void* SetGlobalSpinControl(void* options, int spin)' },
  { name: 'AddInitializer', index: 150, prototype: 'void* AddInitializer(void* options, str name, void* value)' },
  {
    name: 'CreatePrepackedWeightsContainer',
    index: 166,
    prototype: 'void* CreatePrepackedWeightsContainer(_Out_ void** container)',
  },
  {
    name: 'ReleasePrepackedWeightsContainer',
    index: 167,
    prototype: 'void ReleasePrepackedWeightsContainer(void* container)',
  },
  {
    name: 'CreateSessionFromArrayWithPrepackedWeightsContainer',
    index: 169,
    prototype:
      'void* CreateSessionFromArrayWithPrepackedWeightsContainer(void* environment, void* model, size_t bytes, void* options, void* container, _Out_ void** session)',
  },
  {
    name: 'AddExternalInitializers',
    index: 210,
    prototype: 'void* AddExternalInitializers(void* options, void* names, void* values, size_t count)',
  },
  { name: 'GetBuildInfoString', index: 254, prototype: 'str GetBuildInfoString()' },
  {
    name: 'SessionOptionsSetLoadCancellationFlag',
    index: 293,
    prototype: 'void* SessionOptionsSetLoadCancellationFlag(void* options, bool cancel)',
  },
];

/** The part of ONNX Runtime's C API that the runtime calls. A status (`void*`) is null when all went well. */
export interface Api {
  CreateStatus: Native<(code: number, message: string) => Pointer>;
  GetErrorCode: Native<(status: Pointer) => number>;
  GetErrorMessage: Native<(status: Pointer) => string>;
  DisableTelemetryEvents: Native<(environment: Pointer) => Pointer>;
  CreateSessionFromArray: Native<
    (environment: Pointer, model: Pointer, bytes: number, options: Pointer, session: Out<Pointer>) => Pointer
  >;
  Run: Native<
    (
      session: Pointer,
      options: Pointer,
      inputNames: Pointer,
      inputs: Pointer,
      inputCount: number,
      outputNames: Pointer,
      outputCount: number,
      outputs: Pointer,
    ) => Pointer
  >;
  CreateSessionOptions: Native<(options: Out<Pointer>) => Pointer>;
  EnableProfiling: Native<(options: Pointer, prefix: string) => Pointer>;
  DisableMemPattern: Native<(options: Pointer) => Pointer>;
  SetSessionGraphOptimizationLevel: Native<(options: Pointer, level: number) => Pointer>;
  SetIntraOpNumThreads: Native<(options: Pointer, threads: number) => Pointer>;
  CreateRunOptions: Native<(options: Out<Pointer>) => Pointer>;
  RunOptionsSetTerminate: Native<(options: Pointer) => Pointer>;
  RunOptionsUnsetTerminate: Native<(options: Pointer) => Pointer>;
  CreateTensorWithDataAsOrtValue: Native<
    (
      memory: Pointer,
      data: Pointer,
      bytes: number,
      shape: BigInt64Array | null,
      rank: number,
      type: number,
      value: Out<Pointer>,
    ) => Pointer
  >;
  GetTensorMutableData: Native<(value: Pointer, data: Out<Pointer>) => Pointer>;
  GetTensorElementType: Native<(info: Pointer, type: Out<number>) => Pointer>;
  GetDimensionsCount: Native<(info: Pointer, rank: Out<number>) => Pointer>;
  GetDimensions: Native<(info: Pointer, shape: BigInt64Array | null, rank: number) => Pointer>;
  GetTensorTypeAndShape: Native<(value: Pointer, info: Out<Pointer>) => Pointer>;
  CreateCpuMemoryInfo: Native<(allocatorType: number, memoryType: number, memory: Out<Pointer>) => Pointer>;
  ReleaseEnv: Native<(environment: Pointer) => void>;
  ReleaseStatus: Native<(status: Pointer) => void>;
  ReleaseMemoryInfo: Native<(memory: Pointer) => void>;
  ReleaseSession: Native<(session: Pointer) => void>;
  ReleaseValue: Native<(value: Pointer) => void>;
  ReleaseRunOptions: Native<(options: Pointer) => void>;
  ReleaseTensorTypeAndShapeInfo: Native<(info: Pointer) => void>;
  ReleaseSessionOptions: Native<(options: Pointer) => void>;
  CreateEnvWithGlobalThreadPools: Native<
    (logLevel: number, name: string, options: Pointer, environment: Out<Pointer>) => Pointer
  >;
  DisablePerSessionThreads: Native<(options: Pointer) => Pointer>;
  CreateThreadingOptions: Native<(options: Out<Pointer>) => Pointer>;
  ReleaseThreadingOptions: Native<(options: Pointer) => void>;
  AddSessionConfigEntry: Native<(options: Pointer, key: string, value: string) => Pointer>;
  SetGlobalIntraOpNumThreads: Native<(options: Pointer, threads: number) => Pointer>;
  SetGlobalInterOpNumThreads: Native<(options: Pointer, threads: number) => Pointer>;
  SetGlobalSpinControl: Native<(options: Pointer, spin: number) => Pointer>;
  AddInitializer: Native<(options: Pointer, name: string, value: Pointer) => Pointer>;
  CreatePrepackedWeightsContainer: Native<(container: Out<Pointer>) => Pointer>;
  ReleasePrepackedWeightsContainer: Native<(container: Pointer) => void>;
  CreateSessionFromArrayWithPrepackedWeightsContainer: Native<
    (
      environment: Pointer,
      model: Pointer,
      bytes: number,
      options: Pointer,
      container: Pointer,
      session: Out<Pointer>,
    ) => Pointer
  >;
  AddExternalInitializers: Native<(options: Pointer, names: Pointer, values: Pointer, count: number) => Pointer>;
  GetBuildInfoString: Native<() => string>;
  SessionOptionsSetLoadCancellationFlag: Native<(options: Pointer, cancel: boolean) => Pointer>;
}
