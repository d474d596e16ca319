/**
 * What `npm start` and `npm test` do before anything else: check Node, install what is missing, build what changed.
 * Uses Node's own modules only, because nothing is installed yet when it first runs. Safe to repeat: a stamp over the lock file
 * and one over the sources say what is unchanged.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeProblem } from '../apps/cli/bin/node-version.js';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stamps = join(root, '.stamps');
const sourceFolders = ['packages', 'apps', 'scripts'];
const notSources = new Set(['node_modules', 'dist', 'build', '.svelte-kit', 'fixtures', 'eval', 'test']);
const sourceFile = /\.(ts|mts|js|mjs|svelte|css|json|html|sql|svg|woff2)$/;

/** Says what is happening; standard error, so that a command's own output stays clean. */
export const say = (sentence) => process.stderr.write(`${sentence}\n`);

export class SetupError extends Error {}

/** Runs a program in the repository; its output is shown only if it fails, unless `show`. */
export function run(program, args, { show = false, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => reject(new SetupError(`Could not start ${program}: ${error.message}.`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(new SetupError(`${program} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}.\n${output}`));
    });
  });
}

function checkNode() {
  const problem = nodeProblem();
  if (problem) throw new SetupError(problem);
}

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!notSources.has(entry.name)) yield* files(path);
    } else if (entry.isFile() && sourceFile.test(entry.name)) yield path;
  }
}

function digest(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths) hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

const readStamp = (name) => (existsSync(join(stamps, name)) ? readFileSync(join(stamps, name), 'utf8') : '');
function writeStamp(name, value) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), value);
}

async function install() {
  const lock = digest([join(root, 'package-lock.json'), join(root, 'package.json')]);
  if (existsSync(join(root, 'node_modules')) && readStamp('install') === lock) return;
  say('Installing the packages that Working Papers is made of (about 230 MB to download the first time)...');
  const started = Date.now();
  try {
    await run('npm', ['ci', '--no-audit', '--no-fund']);
  } catch (error) {
    throw new SetupError(
      `${error.message}\nThe packages could not be installed. Check the connection to your npm registry, then run the command again.`,
    );
  }
  writeStamp('install', lock);
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

async function build() {
  const sources = sourceFolders.flatMap((folder) => [...files(join(root, folder))]);
  const stamp = digest([join(root, 'tsconfig.base.json'), join(root, 'package-lock.json'), ...sources]);
  if (readStamp('build') === stamp) return;
  say('Building...');
  const started = Date.now();
  rmSync(join(stamps, 'build'), { force: true });
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
  await run(process.execPath, [join(root, 'packages/library/dist/database/make-empty-database.js')]);
  await run('npm', ['run', 'build', '--workspace', '@working-papers/site']);
  writeStamp('build', stamp);
  say(`Built in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** Everything up to a built checkout. Throws a SetupError with a sentence for the reader. */
export async function setUp() {
  checkNode();
  await install();
  await build();
}

/** Runs `main` after the set-up; ends the process with a sentence instead of a stack when the set-up fails. */
export async function afterSetUp(main) {
  try {
    await setUp();
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exit(1);
  }
}
