/** A spec made as wide as it will be shown: views beside each other share the width, and stand in rows where it is too small for them. */

type Spec = Record<string, unknown>;

/** Pixels between views, and the width below which a view beside others says nothing. */
export interface Spacing {
  facet: number;
  concat: number;
  narrowest: number;
}
export const pageSpacing: Spacing = { facet: 24, concat: 24, narrowest: 96 };
export const thumbnailSpacing: Spacing = { facet: 6, concat: 6, narrowest: 16 };

/**
 * The spec with `width` pixels for its views. A single or layered view is as wide as that with its axes; views beside each other
 * (facet, hconcat, concat) get equal parts of it, without their axes.
 */
export function fitted(spec: Spec, width: number, spacing: Spacing = pageSpacing): Spec {
  if ('hconcat' in spec || 'concat' in spec) return fittedConcat(spec, width, spacing);
  if (Array.isArray(spec.vconcat))
    return { ...spec, vconcat: spec.vconcat.map((view) => (isObject(view) ? fitted(view, width, spacing) : view)) };
  if (isObject(spec.facet) && isObject(spec.spec)) return fittedFacet(spec, spec.facet, spec.spec, width, spacing);
  if ('mark' in spec || 'layer' in spec) {
    const across = facetedColumns(spec);
    return { ...spec, width: across > 1 ? shared(width, across, spacing.facet) : Math.round(width) };
  }
  return spec;
}

function fittedConcat(spec: Spec, width: number, spacing: Spacing): Spec {
  const { hconcat, concat, columns, ...rest } = spec;
  const views = (Array.isArray(hconcat) ? hconcat : Array.isArray(concat) ? concat : []).filter(isObject);
  const wanted = typeof columns === 'number' && columns >= 1 ? columns : views.length;
  const across = fitting(width, Math.min(wanted, views.length), spacing.concat, spacing.narrowest);
  const each = shared(width, across, spacing.concat);
  return { ...rest, columns: across, concat: views.map((view) => fitted(view, each, spacing)) };
}

function fittedFacet(spec: Spec, facet: Spec, view: Spec, width: number, spacing: Spacing): Spec {
  const { row, column } = facet;
  if (isObject(row) && !isObject(column)) return { ...spec, spec: fitted(view, width, spacing) };
  const field = isObject(column) ? column : facet;
  const all = Math.max(1, distinct(spec, field.field));
  const wanted = typeof spec.columns === 'number' && spec.columns >= 1 ? Math.min(spec.columns, all) : all;
  // A grid of rows and columns cannot wrap; a row of views can.
  const across = isObject(row) ? wanted : fitting(width, wanted, spacing.facet, spacing.narrowest);
  const inner = fitted(view, shared(width, across, spacing.facet), spacing);
  return isObject(row) ? { ...spec, spec: inner } : { ...spec, facet: field, columns: across, spec: inner };
}

/** How many of `wanted` views fit beside each other; for what must wrap, rows of equal length. */
function fitting(width: number, wanted: number, gap: number, narrowest: number): number {
  const most = Math.max(1, Math.floor((width + gap) / (narrowest + gap)));
  return wanted <= most ? wanted : Math.ceil(wanted / Math.ceil(wanted / most));
}

const shared = (width: number, across: number, gap: number) =>
  Math.max(8, Math.floor((width - (across - 1) * gap) / across));

/** Columns of a view that is split by its encoding; 1 when it is not. */
function facetedColumns(spec: Spec): number {
  const encoding = isObject(spec.encoding) ? spec.encoding : {};
  const { column, facet } = encoding;
  if (isObject(column)) return Math.max(1, distinct(spec, column.field));
  if (isObject(facet)) return typeof facet.columns === 'number' && facet.columns >= 1 ? facet.columns : 1;
  return 1;
}

function distinct(spec: Spec, field: unknown): number {
  const rows = isObject(spec.data) && Array.isArray(spec.data.values) ? spec.data.values.filter(isObject) : [];
  return new Set(rows.map((row) => row[String(field)])).size;
}

/** An axis that is a line at most. */
export const wordlessAxis = { labels: false, title: null, grid: false, ticks: false } as const;

/** The spec without its words: text marks, titles, legends and the labels of axes are left out, and views are `height` pixels high. */
export function wordless(spec: Spec, height: number): Spec {
  const views = ['layer', 'hconcat', 'vconcat', 'concat'].filter((key) => Array.isArray(spec[key]));
  const kept = Object.fromEntries(
    views.map((key) => [
      key,
      (spec[key] as unknown[])
        .filter(isObject)
        .filter((view) => markOf(view) !== 'text')
        .map((view) => wordless(view, key === 'vconcat' ? height / 2 : height)),
    ]),
  );
  const inner = isObject(spec.spec) ? { spec: wordless(spec.spec, height) } : {};
  const own = 'mark' in spec || 'layer' in spec ? { height } : {};
  const mark = isObject(spec.mark) && 'size' in spec.mark ? { mark: { ...spec.mark, size: 8 } } : {};
  const facet = isObject(spec.facet) ? { facet: headerless(spec.facet) } : {};
  const encoding = isObject(spec.encoding) ? { encoding: wordlessEncoding(spec.encoding) } : {};
  return { ...spec, ...kept, ...inner, ...own, ...mark, ...facet, ...encoding, title: undefined };
}

function wordlessEncoding(encoding: Spec): Spec {
  const channels = Object.entries(encoding).filter(([channel]) => channel !== 'tooltip' && channel !== 'text');
  return Object.fromEntries(
    channels.map(([channel, field]) => {
      if (!isObject(field)) return [channel, field];
      if (channel === 'row' || channel === 'column' || channel === 'facet') return [channel, headerless(field)];
      if (channel === 'x2' || channel === 'y2') return [channel, field];
      if (channel !== 'x' && channel !== 'y') return [channel, 'field' in field ? { ...field, legend: null } : field];
      return [channel, { ...field, title: null, axis: field.axis === null ? null : { ...wordlessAxis } }];
    }),
  );
}

function headerless(facet: Spec): Spec {
  // Vega-Lite draws labels of a facet that has `labels: false` all the same.
  if ('field' in facet)
    return { ...facet, header: { title: null, labelExpr: "''", labelFontSize: 0, labelPadding: 0 } };
  return Object.fromEntries(
    Object.entries(facet).map(([channel, field]) => [channel, isObject(field) ? headerless(field) : field]),
  );
}

const markOf = ({ mark }: Spec) => (isObject(mark) ? mark.type : mark);

function isObject(value: unknown): value is Spec {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
