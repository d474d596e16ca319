/** The checking process: reads the headers of the model at argv[2], answers what it is or why it is refused. Started by check.ts only. */
import { sep } from 'node:path';
import { inspectModel } from '@working-papers/models/node';
import type { CheckAnswer } from './check.ts';

const [path = '', name = 'The model'] = process.argv.slice(2);

function answer(message: CheckAnswer): void {
  process.send?.(message, () => process.exit(0));
}

inspectModel(path, name).then(
  (model) => answer({ model }),
  (error: unknown) => answer({ refused: sentenceOf((error as Error).message) }),
);

/** Where the instance keeps its files is nobody's business: a file is named as it was sent. */
function sentenceOf(message: string): string {
  const told = message.replaceAll(path + sep, '').replaceAll(path, name);
  return told.startsWith(name) ? told.charAt(0).toUpperCase() + told.slice(1) : told;
}
