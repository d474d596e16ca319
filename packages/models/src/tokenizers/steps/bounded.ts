/** What is used of node:vm. */
interface VirtualMachine {
  createContext(names: object): object;
  runInContext(code: string, context: object, options: { timeout: number }): unknown;
}

const { process: node } = globalThis as unknown as {
  process?: { getBuiltinModule?(name: string): VirtualMachine | undefined };
};
const vm = node?.getBuiltinModule?.('node:vm');
const names: { work?: () => unknown } = {};
const context = vm?.createContext(names);

/** Milliseconds that a step may work on a text of so many characters: a thousand times what an honest one takes. */
export const allowedMilliseconds = (characters: number): number => 1_000 + Math.ceil(characters / 100);

/**
 * Runs a step of a model's files that may work without end, such as a regular expression that backtracks: V8 ends it when its
 * time is up. (Outside Node there is no such clock, and the step runs unwatched.)
 */
export function bounded<T>(work: () => T, characters: number): T {
  if (!vm || !context) return work();
  const timeout = allowedMilliseconds(characters);
  names.work = work;
  try {
    return vm.runInContext('work()', context, { timeout }) as T;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(
      `its regular expressions take longer than ${timeout / 1000} s on a text of ${characters} characters`,
      { cause: error },
    );
  }
}
