/** `npm start`: set up, then serve (database, encoder, worker and site, supervised by one command). */
import { join } from 'node:path';
import { afterSetUp, root } from './setup.mjs';

await afterSetUp(async () => {
  process.argv = [process.execPath, 'papers', 'serve', ...process.argv.slice(2)];
  await import(join(root, 'apps/cli/bin/papers.js'));
});
