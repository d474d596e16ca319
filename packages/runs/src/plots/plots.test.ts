import { describe, expect, it } from 'vitest';
import { checkPlot, plotLimits } from './check.ts';
import { drawPlot } from './draw.ts';

const good = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  data: {
    values: [
      { url: 'just a name', x: 1, y: 2 },
      { url: 'another', x: 2, y: 3 },
    ],
  },
  mark: { type: 'line', point: true },
  encoding: {
    x: { field: 'x', type: 'quantitative' },
    y: { field: 'y', type: 'quantitative', axis: { title: 'tokens/s' } },
    color: { field: 'url', type: 'nominal' },
  },
};
const bar = { mark: 'bar', encoding: { x: { field: 'x' } } };

describe('a plot spec is refused when it', () => {
  const cases: [string, unknown][] = [
    ['is no object', 'bar'],
    ['is null', null],
    ['loads data', { ...bar, data: { url: 'file:///etc/passwd' } }],
    ['loads data in a layer', { layer: [{ ...bar, data: { url: 'https://example.org/x.csv' } }] }],
    ['loads data for a lookup', { ...bar, transform: [{ lookup: 'x', from: { data: { url: 'x.json' }, key: 'x' } }] }],
    ['makes data', { ...bar, data: { sequence: { start: 0, stop: 1e9 } } }],
    ['makes a sphere', { ...bar, data: { sphere: true } }],
    ['draws pictures', { mark: { type: 'image', url: 'https://example.org/x.png' } }],
    ['draws pictures by name', { mark: 'image', encoding: { x: { field: 'x' } } }],
    ['links out', { ...bar, encoding: { href: { field: 'x' } } }],
    ['names a picture in an encoding', { mark: 'point', encoding: { url: { field: 'x' } } }],
    ['calls a generator', { ...bar, transform: [{ calculate: 'length(sequence( 1e9 ))', as: 'n' }] }],
    ['imputes a range', { ...bar, transform: [{ impute: 'y', key: 'x', keyvals: { start: 0, stop: 1e9 } }] }],
    ['is raw Vega', { marks: [{ type: 'rect' }], data: [{ name: 'x' }] }],
    ['has signals', { ...bar, signals: [] }],
    ['is huge in pixels', { ...bar, width: 1e6 }],
    ['has too many rows', { ...bar, data: { values: Array.from({ length: 5001 }, () => 1) } }],
    ['splits too many rows', { ...bar, datasets: { a: Array(3000).fill(1), b: Array(3000).fill(1) } }],
    ['is too large', { ...bar, description: 'x'.repeat(plotLimits.bytes) }],
    ['is nested too deeply', { ...bar, encoding: JSON.parse(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`) }],
    ['has values as text', { ...bar, data: { values: 'a,b\n1,2' } }],
  ];
  it.each(cases)('%s', async (_, spec) => {
    const problems = checkPlot(spec);
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) expect(problem).toMatch(/\.$/);
    await expect(drawPlot(spec as Record<string, unknown>, { width: 320 })).rejects.toThrow(problems[0]);
  });

  it('refers to itself', () => {
    const spec: Record<string, unknown> = { ...bar };
    spec.self = spec;
    expect(checkPlot(spec)).toHaveLength(1);
  });
});

describe('a plot is drawn', () => {
  it('as SVG, in ink on paper or in light on dark', async () => {
    expect(checkPlot(good)).toEqual([]);
    const [light, dark] = await Promise.all([
      drawPlot(good, { width: 640 }),
      drawPlot(good, { width: 328, dark: true }),
    ]);
    expect(light).toMatch(/^<svg[^>]* width="640"/);
    expect(dark).toMatch(/^<svg[^>]* width="328"/);
    expect(light).toContain('#1d1b17');
    expect(dark).toContain('#eeeae1');
    expect(light).toContain('tokens/s');
    expect(light).not.toContain('<image');
  }, 60_000);

  it('or refused with a sentence when it is not Vega-Lite', async () => {
    await expect(drawPlot({ mark: 'pie of the day', data: { values: [] } }, { width: 320 })).rejects.toThrow(
      /could not be drawn/,
    );
    await expect(drawPlot(good, { width: 1 })).rejects.toThrow('got 1');
  }, 60_000);

  it('within two seconds or not at all', async () => {
    // An expression that tries 2^60 ways to match: only a limit ends it.
    const spec = {
      ...bar,
      data: { values: [{ x: 1, t: `${'a'.repeat(60)}!` }] },
      transform: [{ calculate: "test(regexp('^(a+)+$'), datum.t)", as: 'z' }],
    };
    expect(checkPlot(spec)).toEqual([]);
    await expect(drawPlot(spec, { width: 320 })).rejects.toThrow('longer than 2 s');
  }, 60_000);
});
