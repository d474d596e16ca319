/**
 * `npm test`: set up, check format, types of the pages and every test. `--long` runs what takes minutes (soak, fuzz, kill) instead.
 * Further words are paths: `npm run test:long -- fuzz` runs the files whose path has it.
 * Ends with the plain line `N passed, M failed`, taken from the runner's own report.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterSetUp, root, run, say } from './setup.mjs';

const bin = (path) => join(root, 'node_modules', path);

await afterSetUp(async () => {
  const words = process.argv.slice(2);
  const long = words.includes('--long');
  const paths = words.filter((word) => word !== '--long');
  if (!long) {
    say('Checking format and pages...');
    await run(process.execPath, [bin('@biomejs/biome/bin/biome'), 'check', '--diagnostic-level=error'], { show: true });
    await run('npm', ['run', 'check', '--workspace', '@working-papers/site']);
  }
  const folder = mkdtempSync(join(tmpdir(), 'working-papers-test-'));
  const report = join(folder, 'report.json');
  let failure;
  try {
    await run(
      process.execPath,
      [
        bin('vitest/vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--reporter=${join(root, 'scripts/second-attempts.mjs')}`,
        `--outputFile.json=${report}`,
        ...paths,
      ],
      { show: true, env: long ? { WORKING_PAPERS_LONG: '1' } : {} },
    );
  } catch (error) {
    failure = error;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  rmSync(folder, { recursive: true, force: true });
  for (const { name, message, assertionResults } of testResults)
    if (message && assertionResults.length === 0) say(`${name} could not run: ${message}`);
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const counted = numFailedTests + brokenFiles;
  // A process of tests that died is in no list.
  const failed = counted === 0 && failure ? 1 : counted;
  if (failed > counted) say('The runner failed without a failed test; what it says stands above.');
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
  console.log(`${numPassedTests} passed, ${failed} failed${skipped}`);
  process.exit(failure || failed > 0 || numFailedTestSuites > 0 ? 1 : 0);
});
