#!/usr/bin/env node
// The `papers` command of a clone: the build, or a sentence that says how to get one.
import { existsSync } from 'node:fs';

const built = new URL('../dist/index.js', import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  await main(process.argv);
} else {
  process.stderr.write(
    'Working Papers is not built yet. Run "npm start" once in the clone, then this command again.\n',
  );
  process.exitCode = 1;
}
