/**
 * What a Vega-Lite spec may hold before it is stored or drawn. A spec is data from a method, so from somebody: on a server it could
 * otherwise read files, call addresses and fill the memory.
 */

export const plotLimits = { rows: 5_000, bytes: 256 * 1024, depth: 24 } as const;

/** Keys that fetch, draw pictures from elsewhere, link out or run for as long as they are told to. */
const refusedKeys = new Set([
  'url',
  'href',
  'image',
  'loader',
  'sequence',
  'sphere',
  'graticule',
  'usermeta',
  'impute',
  'density',
  'quantile',
]);
/** Expression functions that make values out of nothing. */
const generators = /\b(sequence|pad)\s*\(/;
const refusedMarks = new Set(['image', 'geoshape']);
/** Vega-Lite at the top of a spec; anything else (a raw Vega spec has `marks` and `signals`) is no plot. */
const views = ['mark', 'layer', 'hconcat', 'vconcat', 'concat', 'facet', 'repeat', 'spec'];
const rawVegaKeys = ['marks', 'signals', 'scales', 'axes', 'legends', 'projections'];
/** Largest size in pixels, points or items that a spec may ask for anywhere. */
const largestNumber = 10_000;
const sizeKeys = new Set([
  'width',
  'height',
  'step',
  'columns',
  'tickCount',
  'maxbins',
  'size',
  'strokeWidth',
  'fontSize',
]);

/**
 * Problems of a plot spec, as sentences; none when it may be stored.
 * @param spec a Vega-Lite spec with inline `data.values` (or `datasets`), at most 5,000 rows and 256 KB as JSON
 */
export function checkPlot(spec: unknown): string[] {
  if (!isObject(spec)) return [`A plot is a Vega-Lite spec, an object; got ${spec === null ? 'null' : typeof spec}.`];
  let text: string;
  try {
    text = JSON.stringify(spec);
  } catch {
    return ['A plot spec must be plain JSON; this one refers to itself or holds values JSON cannot carry.'];
  }
  const bytes = new TextEncoder().encode(text).byteLength;
  if (bytes > plotLimits.bytes) {
    return [
      `The plot spec has ${bytes} bytes; at most ${plotLimits.bytes} are stored. Plot fewer points, or round them.`,
    ];
  }
  const problems = new Set<string>();
  if (!views.some((view) => view in spec)) {
    problems.add(`The plot has no view; a Vega-Lite spec has one of ${views.join(', ')}.`);
  }
  for (const key of rawVegaKeys) {
    if (key in spec) problems.add(`The plot has "${key}", a part of Vega; only Vega-Lite specs are drawn.`);
  }
  const count = { rows: 0 };
  inspect(JSON.parse(text), [], problems, count);
  if (count.rows > plotLimits.rows) {
    problems.add(`The plot has ${count.rows} rows; at most ${plotLimits.rows} are stored. Plot a sample, or sums.`);
  }
  return [...problems];
}

/** Walks everything but the rows themselves: in rows any name is only a name. */
function inspect(value: unknown, path: string[], problems: Set<string>, count: { rows: number }): void {
  if (path.length > plotLimits.depth) {
    problems.add(`The plot is nested deeper than ${plotLimits.depth} levels.`);
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((entry, index) => {
      inspect(entry, [...path, String(index)], problems, count);
    });
    return;
  }
  if (typeof value === 'string' && generators.test(value)) {
    problems.add(`The plot's ${path.join('.')} calls a generator; plots hold inline values only.`);
  }
  if (!isObject(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    const at = [...path, key];
    if (key === 'data') inspectData(entry, at, problems, count);
    else if (key === 'datasets' && path.length === 0) inspectDatasets(entry, at, problems, count);
    else {
      if (refusedKeys.has(key)) problems.add(`The plot has "${at.join('.')}"; plots hold inline values only.`);
      if (key === 'mark' || (key === 'type' && path.at(-1) === 'mark')) {
        if (typeof entry === 'string' && refusedMarks.has(entry)) {
          problems.add(`The plot has a mark "${entry}"; plots hold inline values only.`);
        }
      }
      if (sizeKeys.has(key) && typeof entry === 'number' && !(Math.abs(entry) <= largestNumber)) {
        problems.add(`The plot has ${at.join('.')} = ${entry}; at most ${largestNumber}.`);
      }
      inspect(entry, at, problems, count);
    }
  }
}

function inspectData(data: unknown, path: string[], problems: Set<string>, count: { rows: number }): void {
  if (data === null) return;
  if (!isObject(data)) {
    problems.add(`The plot's ${path.join('.')} must be an object with "values" or "name".`);
    return;
  }
  for (const key of Object.keys(data)) {
    if (key !== 'values' && key !== 'name' && key !== 'format') {
      problems.add(`The plot has "${path.join('.')}.${key}"; plots hold inline values only ("values").`);
    }
  }
  if ('values' in data) inspectRows(data.values, path, problems, count);
}

function inspectDatasets(datasets: unknown, path: string[], problems: Set<string>, count: { rows: number }): void {
  if (!isObject(datasets)) {
    problems.add('The plot has "datasets" that are not an object of lists of rows.');
    return;
  }
  for (const [name, rows] of Object.entries(datasets)) inspectRows(rows, [...path, name], problems, count);
}

function inspectRows(rows: unknown, path: string[], problems: Set<string>, count: { rows: number }): void {
  if (Array.isArray(rows)) count.rows += rows.length;
  else problems.add(`The values of the plot's ${path.join('.')} must be a list of rows.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
