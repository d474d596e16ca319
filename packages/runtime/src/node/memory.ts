/** How much memory processes hold. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of physical memory that this process holds now. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** The most bytes of physical memory that this process has held. */
export function peakResidentBytes(): number {
  // getrusage, which Node asks, begins at what the parent held when it forked; the status file begins with the program.
  if (process.platform === 'linux') return statusBytes(readFileSync('/proc/self/status', 'utf8'), 'VmHWM');
  return process.resourceUsage().maxRSS * 1024;
}

/** Milliseconds between two looks where the system keeps one mark for a process's whole life. */
const lookInterval = 5;

/**
 * Measures the most physical memory that this process holds from now on, in bytes. On Linux the system's own mark is set anew,
 * so nothing is missed (`peakResidentBytes` begins anew too); elsewhere the process looks 200 times a second while its event loop
 * is free.
 */
export function watchPeak(): { stop(): number } {
  if (restartPeak()) return { stop: peakResidentBytes };
  let most = residentBytes();
  const look = () => {
    most = Math.max(most, residentBytes());
  };
  const timer = setInterval(look, lookInterval);
  return {
    stop() {
      clearInterval(timer);
      look();
      return most;
    },
  };
}

/** Whether the system's mark of the highest resident size could be set to the present one (proc(5), clear_refs). */
function restartPeak(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/** Bytes of physical memory that process `pid` holds now; undefined once it has ended. Not known on Windows. */
export async function residentBytesOf(pid: number): Promise<number | undefined> {
  try {
    if (process.platform === 'linux') return statusBytes(await readFile(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Number(stdout) * 1024;
  } catch {
    return undefined;
  }
}

function statusBytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

/**
 * Collects JavaScript's garbage now. Buffers lie outside its heap, so megabytes of them wait for a collection that a process without
 * work never begins.
 */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
}

let collect: (() => void) | undefined;

/** V8's collector, which Node offers under a flag only. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => void;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
