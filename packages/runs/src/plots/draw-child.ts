/** The drawing process: one spec in, a drawing for each size and theme out, or one sentence. Started by draw.ts only. */
import * as vega from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile } from 'vega-lite';
import { plotConfig } from './config.ts';
import { type DrawAnswer, type Drawing, type DrawOptions, type DrawRequest, drawLimits } from './draw.ts';
import { fitted, pageSpacing, thumbnailSpacing, wordless } from './fit.ts';
import { textWidth, withFont } from './font.ts';
import { inDark } from './palette.ts';
import { crowded, overlap, type Placed, placed, placeLabels, refusingLoader } from './scene.ts';

type Spec = Record<string, unknown>;

/** What is learnt from one layout for the next. */
interface Layout {
  /** Pixels that the views share. */
  views: number;
  /** Pixels kept free beside the views for labels that reach out of them. */
  padding: { left: number; right: number; top: number; bottom: number };
  slanted: boolean;
  /** Whether the legend stands above the title of the y axis. */
  legendAbove: boolean;
  legendColumns?: number;
}

const layouts = 8;
const weights: Record<string, number> = { normal: 400, bold: 700, lighter: 300, bolder: 700 };
const { None, parse, View } = vega;
// Without a canvas Vega guesses widths by half too large; these are the ones that a browser finds. Its types leave textMetrics out.
(vega as unknown as { textMetrics: { width: unknown } }).textMetrics.width = (item: Spec, text: unknown): number => {
  const size = typeof item.fontSize === 'number' ? item.fontSize : 11;
  const weight = weights[String(item.fontWeight)] ?? (Number(item.fontWeight) || 400);
  const width = textWidth(String(text ?? '').slice(0, 1000), size, Math.min(900, Math.max(200, weight)));
  return typeof item.limit === 'number' && item.limit > 0 ? Math.min(width, item.limit) : width;
};

async function draw(spec: Spec, options: DrawOptions): Promise<Drawing> {
  let layout: Layout = {
    views: options.width,
    padding: { left: 0, right: 0, top: 0, bottom: 0 },
    slanted: false,
    legendAbove: false,
  };
  for (let attempt = 1; ; attempt++) {
    const whole = compiled(spec, options, layout);
    const view = new View(parse(whole as never, undefined, { ast: true }), {
      expr: expressionInterpreter,
      loader: refusingLoader,
      renderer: 'none',
      logLevel: None,
    });
    const drawn = sizeOf(await view.toSVG());
    placeLabels(view, drawn.width);
    const better = attempt < layouts ? improved(view, drawn, options.width, layout) : undefined;
    const svg = better ? '' : await view.toSVG();
    view.finalize();
    if (better) {
      layout = better;
      continue;
    }
    if (svg.length > drawLimits.svgBytes) {
      throw new Error(`The drawn plot has ${svg.length} bytes; at most ${drawLimits.svgBytes}. Plot fewer points.`);
    }
    return { svg: options.thumbnail ? svg : withFont(svg), ...sizeOf(svg), vega: whole };
  }
}

function sizeOf(svg: string): { width: number; height: number } {
  const [, width, height] = /^<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  return { width: Math.round(Number(width)), height: Math.round(Number(height)) };
}

function compiled(spec: Spec, { width, dark, thumbnail }: DrawOptions, layout: Layout): Spec {
  const quiet = { level: () => quiet, warn: () => quiet, info: () => quiet, debug: () => quiet, error: () => quiet };
  const shaped = thumbnail ? wordless(spec, Math.round((width * 4) / 7)) : spec;
  const themed = dark ? inDark(shaped) : shaped;
  const { spec: whole } = compile(
    {
      autosize: { type: 'fit', contains: 'padding' },
      ...fitted(themed, layout.views, thumbnail ? thumbnailSpacing : pageSpacing),
      padding: layout.padding,
      background: null,
    } as never,
    {
      config: {
        ...plotConfig({ dark, thumbnail, ...layout }),
        ...(themed.config as object | undefined),
      } as never,
      logger: quiet as never,
    },
  );
  return whole as unknown as Spec;
}

/** The next layout to try; undefined when this one is as wide as asked, shows its labels whole and none upon another. */
function improved(
  view: vega.View,
  drawn: { width: number; height: number },
  width: number,
  layout: Layout,
): Layout | undefined {
  if (!layout.slanted && categoriesCollide(placed(view, ['axis-label']))) return { ...layout, slanted: true };
  const entries = placed(view, ['legend-label']);
  const across = Math.max(0, ...counts(entries.map(({ y }) => y)));
  if (across > 1 && entries.some(({ box }) => box.x2 > width + 1)) return { ...layout, legendColumns: across - 1 };
  const titles = placed(view, ['axis-title']);
  if (!layout.legendAbove && entries.some(({ box }) => titles.some((title) => overlap(box, title.box, 20))))
    return { ...layout, legendAbove: true };
  if (Math.abs(drawn.width - width) > 1 && layout.views + width - drawn.width > 40)
    return { ...layout, views: layout.views + width - drawn.width };
  const texts = [...placed(view), ...titles].filter(({ kind, item }) => kind === 'text' && item.opacity !== 0);
  // A letter may reach a pixel out of the box that it is measured by.
  const reach = (side: (placed: Placed) => number) => Math.ceil(Math.max(0, ...texts.map((text) => side(text) + 1)));
  const most = 0.4 * width;
  const { left, right, top, bottom } = layout.padding;
  const padding = {
    left: Math.min(most, left + reach(({ box }) => -box.x1)),
    right: Math.min(most, right + reach(({ box }) => box.x2 - drawn.width)),
    top: Math.min(most, top + reach(({ box }) => -box.y1)),
    bottom: Math.min(most, bottom + reach(({ box }) => box.y2 - drawn.height)),
  };
  const changed = Object.entries(padding).some(([side, value]) => value > layout.padding[side as keyof typeof padding]);
  return changed ? { ...layout, padding } : undefined;
}

/** Whether names of categories on one line of an axis cover each other. Numbers are thinned out by Vega itself. */
function categoriesCollide(labels: readonly Placed[]): boolean {
  const lines = new Map<string, Placed[]>();
  for (const label of labels.filter(({ item }) => typeof item.datum?.value === 'string')) {
    const line = `${label.x} ${label.y} ${Math.round(label.box.y1)}`;
    lines.set(line, [...(lines.get(line) ?? []), label]);
  }
  return [...lines.values()].some((line) =>
    crowded(
      line.map(({ box }) => box),
      4,
    ),
  );
}

function counts(values: readonly number[]): number[] {
  const found = new Map<number, number>();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return [...found.values()];
}

function answer(message: DrawAnswer): void {
  process.send?.(message);
}

process.on('disconnect', () => process.exit(0));
process.once('message', async ({ spec, options }: DrawRequest) => {
  try {
    for (const option of options) answer({ drawing: await draw(spec, option) });
  } catch (error) {
    answer({ problem: `The plot could not be drawn: ${error instanceof Error ? error.message : String(error)}` });
  }
});
answer({ ready: true });
