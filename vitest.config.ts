import { defineConfig } from 'vitest/config';

const long = process.env.WORKING_PAPERS_LONG === '1';

export default defineConfig({
  test: {
    include: long
      ? ['**/*.long.ts', 'fuzz/*.test.ts']
      : [
          'packages/*/src/**/*.test.ts',
          'apps/*/src/**/*.test.ts',
          'apps/*/test/**/*.test.ts',
          'scripts/**/*.test.ts',
          'fuzz/*.test.ts',
        ],
    exclude: ['**/node_modules/**', '**/dist/**', '**/build/**'],
    // Two cores: the engine's own threads use both, so files run a few at a time and tests get room.
    maxWorkers: 2,
    // What is long measures time and memory too.
    fileParallelism: !long,
    testTimeout: long ? 1_800_000 : 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // A shared machine may stop for a moment; scripts/second-attempts.mjs names what needed this.
    retry: process.env.CI ? 1 : 0,
  },
});
