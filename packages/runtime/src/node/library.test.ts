import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { apiTable } from './api-table.ts';
import { openEnvironment } from './environment.ts';
import { findLibrary, loadApi } from './library.ts';

describe("ONNX Runtime's library", () => {
  test('is found, answers, and has every function of the table', () => {
    const api = loadApi(findLibrary());
    for (const { name } of apiTable) expect(typeof api[name], name).toBe('function');
    expect(api.GetBuildInfoString()).toContain('git-commit-id');
  });

  test('must exist', () => {
    expect(() => findLibrary('/nowhere/libonnxruntime.so')).toThrow(
      'ORT_LIBRARY names /nowhere/libonnxruntime.so, which does not exist',
    );
  });

  test('must be a library', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'library-test-'));
    try {
      const file = path.join(folder, 'libonnxruntime.so');
      writeFileSync(file, 'not a library');
      expect(() => loadApi(file)).toThrow(`${file} is not a library of ONNX Runtime that can be loaded here`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('stays loaded when its handle is collected', () => {
    const script = fileURLToPath(new URL('./fixtures/collected.mjs', import.meta.url));
    expect(execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' }).trim()).toBe('-1,2');
  });

  test('is opened once a process: a second one that asks for other threads is refused with a sentence', () => {
    openEnvironment({ threads: 2 });
    expect(() => openEnvironment({ threads: 3 })).toThrow(
      'This process already runs ONNX Runtime with threads = 2, so threads = 3 cannot be had',
    );
    expect(() => openEnvironment({ threads: 0 })).toThrow(
      'The number of threads must be a whole number of at least 1; got 0.',
    );
  });
});
