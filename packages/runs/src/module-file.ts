/**
 * The address of one of this package's built modules. Children are started from the build: Node 20 runs no types, and tests run
 * the sources.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @param name path below src, without extension: 'child/main' */
export function moduleFile(name: string): URL {
  const beside = new URL(`./${name}.js`, import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside;
  const built = new URL(`../dist/${name}.js`, import.meta.url);
  if (existsSync(fileURLToPath(built))) return built;
  throw new Error(`The build of packages/runs lacks ${name}.js. Run "npm start" once, or "npm run build".`);
}
