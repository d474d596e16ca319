/** What a reader can point at or step through in a drawn plot: a row of its data, where it is and what it says. */
import { type Box, type Placed, placed, pointOf, type SceneView } from '@working-papers/runs/plots';
import { number } from '../format.ts';

export interface Target {
  /** Pixels of the drawing. */
  box: Box;
  round: boolean;
  /** Names and values as shown. */
  lines: [name: string, value: string][];
}

/** Kinds of marks that stand for rows, the telling ones first; the first kinds that a plot has are its targets. */
const kinds = [
  ['symbol', 'rect', 'arc', 'path', 'shape'],
  ['line', 'area', 'trail'],
  ['rule', 'text'],
];

/** The targets of a view that has run: lines point by point, other marks by panel and from left to right. */
export function targetsOf(view: SceneView): Target[] {
  const all = placed(view).filter(
    ({ item, box }) => item.opacity !== 0 && linesOf(item).length > 0 && Number.isFinite(box.x1),
  );
  const chosen = kinds.find((group) => all.some(({ kind }) => group.includes(kind))) ?? [];
  const found = all.filter(({ kind }) => chosen.includes(kind));
  const ordered = chosen.includes('line')
    ? found
    : found.toSorted((a, b) => a.y - b.y || a.x - b.x || a.box.x1 - b.box.x1 || a.box.y1 - b.box.y1);
  return ordered.map((one) => ({
    box: chosen.includes('line') ? around(one) : one.box,
    round: one.kind !== 'rect',
    lines: linesOf(one.item),
  }));
}

function around(vertex: Placed): Box {
  const { x, y } = pointOf(vertex);
  return { x1: x - 3, x2: x + 3, y1: y - 3, y2: y + 3 };
}

/** Vega-Lite writes what a mark's tooltip says as an object of formatted values; without one the row itself speaks. */
function linesOf({ tooltip, datum }: Placed['item']): [string, string][] {
  if (typeof tooltip === 'string' && tooltip !== '') return [['', tooltip]];
  const told = typeof tooltip === 'object' && tooltip !== null ? tooltip : (datum ?? {});
  return Object.entries(told)
    .filter(([name, value]) => !name.startsWith('_') && ['string', 'number', 'boolean'].includes(typeof value))
    .slice(0, 12)
    .map(([name, value]) => [name, shown(value)]);
}

function shown(value: unknown): string {
  const exact = typeof value === 'number' || (typeof value === 'string' && /^-?\d+\.\d{4,}$/.test(value));
  const text = exact ? number(Number(value)) : String(value);
  return text.length > 160 ? `${text.slice(0, 158)} …` : text;
}

/** Which target a pointer at (x, y) means: the one under it, the smallest first, else the nearest within `reach` pixels. */
export function nearest(targets: readonly Target[], x: number, y: number, reach = 24): number | undefined {
  let best: number | undefined;
  let [far, size] = [reach, Number.POSITIVE_INFINITY];
  targets.forEach(({ box }, i) => {
    const distance = Math.hypot(Math.max(box.x1 - x, 0, x - box.x2), Math.max(box.y1 - y, 0, y - box.y2));
    const area = (box.x2 - box.x1) * (box.y2 - box.y1);
    if (distance < far || (distance === far && distance < reach && area < size))
      [best, far, size] = [i, distance, area];
  });
  return best;
}

/** Where a key leads from target `at` (undefined: nowhere yet) of `count`; undefined when the key means nothing here. */
export function step(key: string, at: number | undefined, count: number): number | undefined {
  if (count === 0) return undefined;
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (key === 'ArrowRight' || key === 'ArrowDown') return at === undefined ? 0 : Math.min(count - 1, at + 1);
  if (key === 'ArrowLeft' || key === 'ArrowUp') return at === undefined ? count - 1 : Math.max(0, at - 1);
  return undefined;
}

/** A target in one sentence for a screen reader: "predicted 2.00, measured 2.18; 3 of 9". */
export const spoken = (target: Target, at: number, count: number): string =>
  `${target.lines.map(([name, value]) => `${name} ${value}`.trim()).join(', ')}; ${at + 1} of ${count}`;
