/** Plots are drawn in the colours of the pages. */
import { readFileSync } from 'node:fs';
import { darkPalette, lightPalette } from '@working-papers/runs';
import { expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const token = (name: string): [string, string] => {
  const pair = new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(css);
  if (!pair) throw new Error(`tokens.css has no pair of colours --${name}.`);
  return [pair[1]!, pair[2]!];
};

it.each(['paper', 'sunk', 'rule', 'edge', 'ink', 'ink2', 'ink3', 'holds', 'partly', 'fails', 'untested'] as const)(
  '%s is the token of that name',
  (name) => expect([lightPalette[name], darkPalette[name]]).toEqual(token(name.replace(/(\d)/, '-$1'))),
);

it('has the plot colours of the tokens, the first of which is ink', () => {
  const others = [2, 3, 4, 5, 6].map((i) => token(`plot-${i}`));
  expect(lightPalette.plot).toEqual([token('ink')[0], ...others.map(([light]) => light)]);
  expect(darkPalette.plot).toEqual([token('ink')[1], ...others.map(([, dark]) => dark)]);
});
