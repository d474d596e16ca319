/** Reading and mending what Vega has laid out, in the drawing process and in the browser alike: no import of Vega here. */

/** The parts of a Vega view that are read. */
export interface SceneView {
  scenegraph(): unknown;
  origin(): number[];
  padding(): unknown;
}

export interface Box {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** An item of a mark: what one row of the data became, or a point of a line. */
export interface SceneItem {
  datum?: Record<string, unknown>;
  tooltip?: unknown;
  opacity?: number;
  dx?: number;
  dy?: number;
  align?: string;
  x?: number;
  y?: number;
  bounds: Box;
}

export interface Placed {
  /** "symbol", "rect", "line", "text", ... */
  kind: string;
  /** The mark that it is an item of: items of one line share it. */
  list: unknown;
  item: SceneItem;
  /** Where it is, in pixels of the whole picture. */
  box: Box;
  /** Where its group starts, in pixels of the whole picture. */
  x: number;
  y: number;
}

interface Node {
  marktype?: string;
  role?: string;
  items?: Node[];
  x?: number;
  y?: number;
  bounds?: Box;
}

/** Every item of every mark with one of the roles ("mark" are the data's own), in the order in which they are drawn. */
export function placed(view: SceneView, roles: readonly string[] = ['mark']): Placed[] {
  const found: Placed[] = [];
  const padding = view.padding() as { left?: number; top?: number } | number;
  const [left, top] = typeof padding === 'number' ? [padding, padding] : [padding.left ?? 0, padding.top ?? 0];
  const [originX = 0, originY = 0] = view.origin();
  const visit = (mark: Node, x: number, y: number): void => {
    for (const item of mark.items ?? []) {
      if (mark.marktype === 'group') {
        for (const child of item.items ?? []) visit(child, x + (item.x ?? 0), y + (item.y ?? 0));
      } else if (item.bounds && roles.includes(mark.role ?? '')) {
        const { x1, y1, x2, y2 } = item.bounds;
        const box = { x1: x1 + x, y1: y1 + y, x2: x2 + x, y2: y2 + y };
        found.push({ kind: mark.marktype ?? '', list: mark, item: item as unknown as SceneItem, box, x, y });
      }
    }
  };
  visit((view.scenegraph() as { root: Node }).root, originX + left, originY + top);
  return found;
}

export const overlap = (a: Box, b: Box, gap = 0): boolean =>
  a.x1 < b.x2 + gap && b.x1 < a.x2 + gap && a.y1 < b.y2 + gap && b.y1 < a.y2 + gap;

/** Whether any two boxes of a list overlap. */
export const crowded = (boxes: readonly Box[], gap = 0): boolean =>
  boxes.some((box, i) => boxes.slice(i + 1).some((other) => overlap(box, other, gap)));

/** Labels of a plot with more than this many are left out where they do not fit; fewer are all kept. */
const keepAll = 10;
/** What a place for a label costs: upon another label, out of the picture, upon a point or a piece of a line. */
const costs = { label: 1000, outside: 60, obstacle: 10, line: 3, flip: 4 };

/**
 * Moves text labels of the data by up to two lines, or to the other side of their point, so that none covers another and few cover
 * marks; in a plot of many, one that still would is left out (its row stays in the tooltip and the table). Call it after the view
 * has run and before it is drawn; `width` is the picture's.
 */
export function placeLabels(view: SceneView, width: number): void {
  const all = placed(view);
  const labels = all.filter(({ kind, box }) => kind === 'text' && box.x2 > box.x1);
  const vertices = all.filter(({ kind }) => kind === 'line').map(pointOf);
  const solid = [...all.filter(({ kind }) => kind === 'symbol'), ...placed(view, ['axis-label'])];
  const obstacles = [...solid.map(({ box }) => box), ...alongLines(all)];
  const many = labels.length > keepAll;
  const steps = many ? [0, 0.5, -0.5, 0.9, -0.9] : [0, 0.5, -0.5, 1, -1, 1.5, -1.5, 2, -2];
  const kept: Box[] = [];
  for (const { item, box } of labels) {
    const height = box.y2 - box.y1;
    // Where a line ends its name stands beside it; only a point has another side.
    const beside = { x1: box.x1 - (item.dx ?? 0), y1: (box.y1 + box.y2) / 2 };
    const ends = vertices.some(({ x, y }) => Math.abs(x - beside.x1) < 3 && Math.abs(y - beside.y1) < height);
    const flip = item.align === 'left' && item.dx && !ends ? -(box.x2 - box.x1 + 2 * item.dx) : 0;
    let best = { cost: Number.POSITIVE_INFINITY, dx: 0, dy: 0 };
    for (const dx of flip ? [0, flip] : [0])
      for (const step of steps) {
        const at = { x1: box.x1 + dx, x2: box.x2 + dx, y1: box.y1 + step * height, y2: box.y2 + step * height };
        const cost =
          costs.label * kept.filter((other) => overlap(at, other)).length +
          costs.outside * Number(at.x1 < 0 || at.x2 > width) +
          costs.obstacle * obstacles.filter((other) => overlap(at, other)).length +
          costs.line * Math.abs(step) +
          costs.flip * Number(dx !== 0);
        if (cost < best.cost) best = { cost, dx, dy: step * height };
      }
    if (many && best.cost >= costs.label) {
      item.opacity = 0;
      continue;
    }
    if (best.dx !== 0) {
      item.align = 'right';
      item.dx = -(item.dx ?? 0);
    }
    if (best.dy !== 0) item.dy = (item.dy ?? 0) + best.dy;
    const { bounds } = item;
    item.bounds = Object.assign(bounds, {
      x1: bounds.x1 + best.dx,
      x2: bounds.x2 + best.dx,
      y1: bounds.y1 + best.dy,
      y2: bounds.y2 + best.dy,
    });
    kept.push({ x1: box.x1 + best.dx, x2: box.x2 + best.dx, y1: box.y1 + best.dy, y2: box.y2 + best.dy });
  }
}

/** Where an item of a line is; its bounds are the whole line's. */
export const pointOf = ({ item, x, y }: Placed) => ({ x: x + (item.x ?? 0), y: y + (item.y ?? 0) });

/** A small box every few pixels along each line. */
function alongLines(all: readonly Placed[]): Box[] {
  const boxes: Box[] = [];
  let before: Placed | undefined;
  for (const point of all) {
    if (before && point.kind === 'line' && before.list === point.list) {
      const [from, to] = [pointOf(before), pointOf(point)];
      const pieces = Math.min(200, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 8));
      for (let piece = 0; piece < pieces; piece++) {
        const x = from.x + ((to.x - from.x) * piece) / pieces;
        const y = from.y + ((to.y - from.y) * piece) / pieces;
        boxes.push({ x1: x - 1, x2: x + 1, y1: y - 1, y2: y + 1 });
      }
    }
    before = point;
  }
  return boxes;
}

/** A loader that loads nothing: every fetch, file and link is refused. */
export const refusingLoader = {
  options: {},
  load: async (address: string): Promise<never> => refuse(address),
  sanitize: async (address: string): Promise<never> => refuse(address),
  http: async (address: string): Promise<never> => refuse(address),
  file: async (address: string): Promise<never> => refuse(address),
};

function refuse(address: string): never {
  throw new Error(`A plot may not load "${address}"; plots hold inline values only.`);
}
