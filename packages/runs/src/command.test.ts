import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commandLine, flagName } from './command.ts';

/** What a real shell makes of the words. */
const words = (command: string): string[] =>
  JSON.parse(
    execFileSync(
      '/bin/sh',
      ['-c', `set -- ${command}; node -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- "$@"`],
      {
        encoding: 'utf8',
      },
    ),
  );

it('names paper, action and flags', () => {
  expect(
    commandLine({
      slug: 'p',
      parameters: { action: 'fit', tokenBudget: 512, sort: false, plot: true, name: ['a', 'b'], x: null },
    }),
  ).toBe('papers run p fit --token-budget 512 --no-sort --plot --name a --name b');
  expect(commandLine({ slug: 'p', parameters: {}, seed: 1, experiment: true, stage: 'one', record: true })).toBe(
    'papers run p --experiment --stage one --record --seed 1',
  );
  expect(flagName('maxNewTokens')).toBe('max-new-tokens');
});

it('survives a shell whatever the text', () => {
  const texts = ["it's", 'a b', '$HOME `id` "x"', '-5', '--flag', 'line\nbreak', ''];
  for (const text of texts) {
    const [, , , ...rest] = words(commandLine({ slug: 'p', parameters: { text } }));
    expect(rest.join('=').replace(/^--text=/, '')).toBe(text);
  }
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      (text) => {
        const quoted = commandLine({ slug: 'p', parameters: { text } });
        // Every single quote is closed: an odd count would leave the shell waiting.
        expect((quoted.match(/'/g)?.length ?? 0) % 2 === 0 || quoted.includes("'\\''")).toBe(true);
      },
    ),
  );
});
