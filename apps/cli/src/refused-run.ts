/** A run that was asked for and refused. */
import { flagName, RunRequestError } from '@working-papers/runs';
import { UsageError } from './problems.ts';

/** A refused run request as wrong arguments: the fields at fault, named as flags. */
export function asUsage(error: unknown): never {
  if (!(error instanceof RunRequestError)) throw error;
  const sentences = error.errors.map(({ field, message }) =>
    message.startsWith(`${field} `) ? `--${flagName(field)}${message.slice(field.length)}` : message,
  );
  throw new UsageError(sentences.length > 0 ? sentences.join('\n') : error.message);
}
