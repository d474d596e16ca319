#!/usr/bin/env node
// The `papers` command of a clone: the build, or a sentence that says how to get one.
import { existsSync } from 'node:fs';
import { nodeProblem } from './node-version.js';

const built = new URL('../dist/index.js', import.meta.url);
const problem = nodeProblem();
if (problem) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
} else if (existsSync(built)) {
  const { main } = await import(built.href);
  await main(process.argv);
} else {
  process.stderr.write(
    'Working Papers is not built yet. Run "npm start" once in the clone, then this command again.\n',
  );
  process.exitCode = 1;
}
