import { describe, expect, it } from 'vitest';
import { checkPlot, plotLimits } from './check.ts';
import { drawPlot, drawPlots } from './draw.ts';
import { fitted, wordless } from './fit.ts';
import { dark, inDark, light } from './palette.ts';
import { type Box, overlap, placeLabels, type SceneView } from './scene.ts';

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

  it('in its own face, as wide as asked whatever stands beside each other, in both themes of one size', async () => {
    const views = ['padded', 'sorted by length', 'prepacked', 'packed as a whole'];
    const spec = {
      data: { values: views.flatMap((view) => [1, 2, 3].map((row) => ({ view, row, tokens: 100 * row }))) },
      facet: { column: { field: 'view', type: 'nominal', title: null } },
      spec: { width: 130, height: 60, mark: 'bar', encoding: { x: { field: 'tokens', type: 'quantitative' } } },
    };
    const drawings = await drawPlots(spec, [{ width: 640 }, { width: 640, dark: true }, { width: 328 }]);
    const [wide, night, narrow] = drawings;
    for (const [drawing, width] of [
      [wide!, 640],
      [narrow!, 328],
    ] as const)
      expect(Math.abs(drawing.width - width)).toBeLessThanOrEqual(2);
    expect([night!.width, night!.height]).toEqual([wide!.width, wide!.height]);
    // Four views of 70 pixels say nothing: on a phone they stand in two rows.
    expect(narrow!.height).toBeGreaterThan(1.5 * wide!.height);
    expect(wide!.svg).toContain('@font-face');
    for (const colour of [light.paper, light.ink, light.rule, 'white']) expect(night!.svg).not.toContain(colour);
  }, 60_000);

  it('as a thumbnail without a word', async () => {
    const [small] = await drawPlots(good, [{ width: 112, thumbnail: true }]);
    expect([small!.width, small!.height]).toEqual([112, 64]);
    expect(small!.svg).not.toContain('<text');
  }, 60_000);

  it('with names of categories that do not cover each other, and room for labels that reach out', async () => {
    const long = ['a rather long name', 'another long name', 'one more long name', 'the last long name', 'and a fifth'];
    const encoding = { x: { field: 'name', type: 'nominal' }, y: { field: 'y', type: 'quantitative' } };
    const values = long.map((name, y) => ({ name, y: y + 1 }));
    const svg = await drawPlot({ data: { values }, mark: 'bar', encoding }, { width: 328 });
    expect(svg).toContain('rotate(-35)');
    const label = { mark: { type: 'text', align: 'left', dx: 8 }, encoding: { text: { field: 'end' } } };
    const points = { x: { field: 'x', type: 'quantitative' }, y: { field: 'x', type: 'quantitative' } };
    const lines = [1, 2, 3].map((x) => ({ x, end: x === 3 ? 'the method under test' : '' }));
    const [drawing] = await drawPlots({ data: { values: lines }, encoding: points, layer: [{ mark: 'line' }, label] }, [
      { width: 328 },
    ]);
    // Right of the end of the line and inside of the picture: 21 letters at 13 px take about 125 px.
    const left = Number(/translate\(([\d.]+),/.exec(drawing!.svg)![1]);
    const end = Number(/<text[^>]* transform="translate\(([\d.]+),[^>]*>the method under test/.exec(drawing!.svg)![1]);
    const last = Number(/<path[^>]* d="M[^"]*L([\d.]+),[\d.]+"[^>]* stroke="#1d1b17"/.exec(drawing!.svg)![1]);
    expect(end).toBeGreaterThan(last);
    expect(left + end).toBeGreaterThan(328 - 140);
    expect(left + end).toBeLessThan(328 - 120);
  }, 60_000);

  it('or refused with a sentence when it is not Vega-Lite', async () => {
    await expect(drawPlot({ mark: 'pie of the day', data: { values: [] } }, { width: 320 })).rejects.toThrow(
      /could not be drawn/,
    );
    await expect(drawPlot(good, { width: 1 })).rejects.toThrow('got 1');
  }, 60_000);

  it('within ten seconds or not at all', async () => {
    // An expression that tries 2^60 ways to match: only a limit ends it.
    const spec = {
      ...bar,
      data: { values: [{ x: 1, t: `${'a'.repeat(60)}!` }] },
      transform: [{ calculate: "test(regexp('^(a+)+$'), datum.t)", as: 'z' }],
    };
    expect(checkPlot(spec)).toEqual([]);
    await expect(drawPlot(spec, { width: 320 })).rejects.toThrow('longer than 10 s');
  }, 60_000);
});

it('is as wide as asked, and in rows where views would be too narrow', () => {
  const view = { mark: 'bar', width: 500 };
  expect(fitted(view, 328)).toMatchObject({ width: 328 });
  expect(fitted({ hconcat: [view, view, view] }, 328)).toMatchObject({ columns: 2, concat: [{ width: 152 }, {}, {}] });
  expect(fitted({ hconcat: [view, view, view] }, 464)).toMatchObject({ columns: 3 });
  const values = Array.from({ length: 5 }, (_, i) => ({ name: `${i}` }));
  const faceted = { data: { values }, facet: { field: 'name' }, spec: view };
  expect(fitted(faceted, 328)).toMatchObject({ columns: 2, spec: { width: 152 } });
  expect(fitted(faceted, 464)).toMatchObject({ columns: 3, spec: { width: 138 } });
  expect(fitted({ ...faceted, columns: 1 }, 328)).toMatchObject({ columns: 1, spec: { width: 328 } });
});

it('has no words as a thumbnail', () => {
  const spec = wordless(
    {
      title: 'T',
      layer: [{ mark: 'line' }, { mark: { type: 'text' } }],
      encoding: { x: { field: 'x', title: 'tokens' } },
    },
    64,
  );
  expect(spec).toMatchObject({ height: 64, layer: [{ mark: 'line' }], encoding: { x: { title: null } } });
});

it('takes the dark counterparts of colours that it names, and leaves rows as they are', () => {
  const spec = {
    data: { values: [{ c: 'white' }] },
    mark: { type: 'bar', fill: '#DFD9CC', stroke: 'white', opacity: 0.5 },
  };
  expect(inDark(spec)).toEqual({
    data: spec.data,
    mark: { type: 'bar', fill: dark.rule, stroke: dark.paper, opacity: 0.5 },
  });
});

describe('labels', () => {
  /** A view with text marks at the boxes. */
  const viewOf = (boxes: readonly Box[]) => {
    const items = boxes.map(
      (bounds) => ({ bounds: { ...bounds }, align: 'left', dx: 4 }) as { bounds: Box; opacity?: number; dy?: number },
    );
    const root = { marktype: 'group', items: [{ items: [{ marktype: 'text', role: 'mark', items }] }] };
    return {
      items,
      view: { scenegraph: () => ({ root }), origin: () => [0, 0], padding: () => 0 } satisfies SceneView,
    };
  };
  const at = (x: number, y: number): Box => ({ x1: x, x2: x + 60, y1: y, y2: y + 14 });

  it('at the ends of lines move apart, and all stay', () => {
    const { items, view } = viewOf([at(200, 50), at(200, 52), at(200, 55)]);
    placeLabels(view, 400);
    const boxes = items.map(({ bounds }) => bounds);
    expect(boxes.some((box, i) => boxes.slice(i + 1).some((other) => overlap(box, other)))).toBe(false);
    expect(items.every(({ opacity }) => opacity === undefined)).toBe(true);
  });

  it('of many points are left out where there is no room', () => {
    const { items, view } = viewOf(Array.from({ length: 40 }, (_, i) => at(100 + (i % 3), 50 + (i % 5))));
    placeLabels(view, 400);
    const kept = items.filter(({ opacity }) => opacity !== 0).map(({ bounds }) => bounds);
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThan(40);
    expect(kept.some((box, i) => kept.slice(i + 1).some((other) => overlap(box, other)))).toBe(false);
  });

  it('turn to the other side of their point where the picture ends', () => {
    const { items, view } = viewOf([at(350, 50)]);
    placeLabels(view, 400);
    expect(items[0]).toMatchObject({ align: 'right', dx: -4, bounds: { x2: 342 } });
  });
});
