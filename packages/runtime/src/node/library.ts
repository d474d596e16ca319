/**
 * ONNX Runtime's shared library: where it lies, whether it is the right one, and its function table.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Api, apiTable } from './api-table.ts';
import { decodePointers, functionAt, loadLibrary, type Pointer } from './native.ts';

/** The one version that the function table and the kernels' behaviour were tested with. */
export const onnxRuntimeVersion = '1.30.0';
/** The table's version asked of `GetApi`; the table only ever grows at its end. */
const apiVersion = 27;

/** The library that onnxruntime-node ships for this machine, or the one that ORT_LIBRARY names. */
export function findLibrary(override: string | undefined = process.env.ORT_LIBRARY): string {
  if (override) {
    if (!existsSync(override))
      throw new Error(`ORT_LIBRARY names ${override}, which does not exist; unset it to use the one from npm.`);
    return override;
  }
  const file = {
    linux: 'libonnxruntime.so.1',
    darwin: `libonnxruntime.${onnxRuntimeVersion}.dylib`,
    win32: 'onnxruntime.dll',
  }[process.platform as string];
  const require = createRequire(import.meta.url);
  const main = path.dirname(require.resolve('onnxruntime-node/package.json'));
  const found = file && path.join(main, 'bin', 'napi-v6', process.platform, process.arch, file);
  if (!found || !existsSync(found)) {
    throw new Error(
      `onnxruntime-node has no ONNX Runtime for ${process.platform} on ${process.arch}; set ORT_LIBRARY to a build of version ${onnxRuntimeVersion}.`,
    );
  }
  return found;
}

/**
 * Loads the library and its functions. Throws a sentence when the file is no ONNX Runtime, another version, or when the
 * function table does not answer as the list says.
 */
export function loadApi(file: string): Api {
  let getApiBase: () => Pointer;
  try {
    getApiBase = loadLibrary(file).func('void* OrtGetApiBase()') as () => Pointer;
  } catch (cause) {
    throw new Error(`${file} is not a library of ONNX Runtime that can be loaded here: ${(cause as Error).message}`, {
      cause,
    });
  }
  const [getApi, getVersion] = decodePointers(getApiBase()!, 2) as [bigint, bigint];
  const version = (functionAt(getVersion, 'str GetVersionString()') as () => string)();
  if (version !== onnxRuntimeVersion) {
    throw new Error(`${file} is ONNX Runtime ${version}; this program needs ${onnxRuntimeVersion} exactly.`);
  }
  const table = (functionAt(getApi, 'void* GetApi(uint32_t version)') as unknown as (version: number) => Pointer)(
    apiVersion,
  );
  if (table === null) throw new Error(`${file} does not offer version ${apiVersion} of ONNX Runtime's C API.`);
  const last = Math.max(...apiTable.map(({ index }) => index));
  const pointers = decodePointers(table, last + 1);
  const api = Object.fromEntries(
    apiTable.map(({ name, index, prototype }) => [name, functionAt(pointers[index]!, prototype)]),
  ) as unknown as Api;
  checkTable(api, file);
  return api;
}

/** Asks functions at the start, the middle and the end of the table for answers that are known. */
function checkTable(api: Api, file: string): void {
  const sent = { code: 3, message: 'no such file' };
  const status = api.CreateStatus(sent.code, sent.message);
  const code = api.GetErrorCode(status);
  const message = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  if (code !== sent.code || message !== sent.message || !api.GetBuildInfoString().startsWith('ORT Build Info')) {
    throw new Error(
      `The function table of ${file} is not in the order of ONNX Runtime ${onnxRuntimeVersion}'s header.`,
    );
  }
}

/** An error that ONNX Runtime reported. `code` is its OrtErrorCode. */
export class OnnxRuntimeError extends Error {
  override readonly name = 'OnnxRuntimeError';
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Throws when `status` reports an error, and frees it. `doing` begins the sentence. */
export function check(api: Api, status: Pointer, doing: string): void {
  if (status === null) return;
  const message = api.GetErrorMessage(status).trim();
  const code = api.GetErrorCode(status);
  api.ReleaseStatus(status);
  throw new OnnxRuntimeError(`${doing}: ${message}`, code);
}

/** The value that a function of the C API writes to its last parameter. */
export function created(api: Api, doing: string, create: (out: [Pointer]) => Pointer): bigint {
  const out: [Pointer] = [null];
  check(api, create(out), doing);
  return out[0]!;
}
