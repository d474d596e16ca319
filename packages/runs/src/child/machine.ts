/** The machine and the versions a run is computed with: facts for the method, words for the manifest. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { totalmem } from 'node:os';
import type { Machine } from '@working-papers/methods/contract';
import { processorKind } from '@working-papers/runtime/node';

export async function readMachine(): Promise<Machine> {
  const { name, cores, int8Products } = await processorKind();
  return { cores, memoryBytes: totalmem(), processor: name, int8Products };
}

/** "AMD EPYC 9B14, 2 cores, 16 GB, exact 8-bit products" */
export function machineWords(machine: Machine): string {
  const cores = machine.cores === 1 ? '1 core' : `${machine.cores} cores`;
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GB`;
  const words = [machine.processor, cores, memory, `${machine.int8Products} 8-bit products`];
  return (machine.accelerator ? [...words, machine.accelerator] : words).join(', ');
}

export function readVersions(): Record<string, string> {
  const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const onnxruntime = versionOf('onnxruntime-node');
  return {
    'working-papers': own.version,
    node: process.versions.node,
    ...(onnxruntime === undefined ? {} : { onnxruntime }),
  };
}

function versionOf(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }).version;
    } catch {}
  }
  return undefined;
}
