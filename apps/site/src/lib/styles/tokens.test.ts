/** The contrast of every pair of colours that meet on a page, by WCAG 2.2 (1.4.3 text, 1.4.11 marks and borders), in both schemes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Colour = [number, number, number];
const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const declared = new Map([...css.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name!, value!]));

const hex = (text: string): Colour => [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)) as Colour;

/** A token's colour in a scheme: a pair, another token, or a mix of two in sRGB. Throws for what is none of these. */
function colour(name: string, dark: boolean): Colour {
  const value = declared.get(name) ?? '';
  const pair = /^light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)$/.exec(value);
  if (pair) return hex(pair[dark ? 2 : 1]!);
  const other = /^var\(--([\w-]+)\)$/.exec(value);
  if (other) return colour(other[1]!, dark);
  const mix = /^color-mix\(in srgb, var\(--([\w-]+)\) (\d+)%, var\(--([\w-]+)\)\)$/.exec(value);
  if (!mix) throw new Error(`--${name} is "${value}", which is no colour that this test can read.`);
  const [one, two, share] = [colour(mix[1]!, dark), colour(mix[3]!, dark), Number(mix[2]) / 100];
  return one.map((channel, i) => channel * share + two[i]! * (1 - share)) as Colour;
}

/** Relative luminance (WCAG 2.2). */
function luminance(of: Colour): number {
  const [r, g, b] = of.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
function contrast(one: Colour, two: Colour): number {
  const [high, low] = [luminance(one), luminance(two)].sort((a, b) => b - a);
  return (high! + 0.05) / (low! + 0.05);
}

const text = ['ink', 'ink-2', 'ink-3', 'accent', 'holds', 'partly', 'fails', 'untested'];
const grounds = ['paper', 'sunk', 'tint'];
const plots = ['plot-1', 'plot-2', 'plot-3', 'plot-4', 'plot-5', 'plot-6'];

it('knows black on white', () => expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 5));

describe.each([
  ['light', false],
  ['dark', true],
] as const)('in the %s scheme', (_, dark) => {
  const least = (front: string, back: string, ratio: number) =>
    expect(contrast(colour(front, dark), colour(back, dark)), `--${front} on --${back}`).toBeGreaterThanOrEqual(ratio);

  it('every text is at least 4.5:1 on every ground that it stands on', () => {
    for (const front of text) for (const back of grounds) least(front, back, 4.5);
    // Labels stand in their line's colour.
    for (const front of plots) least(front, 'paper', 4.5);
    // A main button's words.
    least('paper', 'accent', 4.5);
  });

  it('borders of fields are at least 3:1', () => {
    least('edge', 'paper', 3);
    least('edge', 'sunk', 3);
  });
});
