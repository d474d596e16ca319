import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Physical cores that this process may use. Two threads of one core share its arithmetic units, so products gain
 * nothing from the second. Where the system does not tell (it does on Linux), logical processors.
 */
export function physicalCores(): number {
  const logical = availableParallelism();
  try {
    const folder = '/sys/devices/system/cpu';
    const cores = new Set(
      readdirSync(folder)
        .filter((name) => /^cpu\d+$/.test(name))
        .map((name) => readFileSync(`${folder}/${name}/topology/thread_siblings_list`, 'utf8').trim()),
    );
    return Math.max(1, Math.min(logical, cores.size));
  } catch {
    return logical;
  }
}
