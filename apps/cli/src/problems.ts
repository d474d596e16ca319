/** What a command ends with when it does not end well: a sentence and an exit code. */
import type { CommanderError } from 'commander';

/** Wrong arguments: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The command could not do what it was asked: exit code 1. */
export class CommandError extends Error {
  override name = 'CommandError';
}

/** Help was asked for and shown. */
export class Shown extends Error {
  override name = 'Shown';
}

/** Exit code of an error: 0 help was shown, 1 failed, 2 wrong arguments. */
export function exitCodeOf(error: unknown): 0 | 1 | 2 {
  if (error instanceof Shown) return 0;
  return error instanceof UsageError ? 2 : 1;
}

/** Commander's errors in our words; `path` is the command that was called ("papers run"). */
export function usageError(error: CommanderError, path: string): Error {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return new Shown();
  if (error.code === 'commander.help') return new UsageError('');
  const text = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '. Did you mean $1?')
    .replaceAll("'", '"')
    .trim();
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return new UsageError(`${/[.?!]$/.test(sentence) ? sentence : `${sentence}.`} See "${path} --help".`);
}
