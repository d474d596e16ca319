/**
 * The first module of a process that `spawnHeavy` starts: ties its life to the parent's, then imports the work.
 */
import { pathToFileURL } from 'node:url';
import type { HeavyFailure } from './heavy.ts';
import { loadLibrary } from './native.ts';

const endNow = () => process.kill(process.pid, 'SIGKILL');

// The channel closes when the parent ends, however it ends; there is then nobody to work for.
process.on('disconnect', endNow);
if (process.platform === 'linux') {
  // While a native call holds this thread no event arrives, so the kernel is asked to do the same.
  const [setParentDeathSignal, sigkill] = [1, 9];
  const parent = process.ppid;
  loadLibrary('libc.so.6').func('int prctl(int option, unsigned long value)')(setParentDeathSignal, sigkill);
  if (process.ppid !== parent) endNow();
}

const [, , module] = process.argv;
process.argv.splice(1, 1);

/** Tells the parent the error's sentence, as a message of its own kind, and the log the rest. */
function fail(error: unknown): void {
  console.error(error);
  const failure: HeavyFailure = { heavyFailure: error instanceof Error ? error.message : String(error) };
  process.send!(failure, () => process.exit(1));
}

process.on('uncaughtException', fail);
await import(pathToFileURL(module!).href).catch(fail);
// A module that listens to its parent stays until it calls process.exit; any other ends when its work has.
if (process.listenerCount('message') === 0) process.channel?.unref();
