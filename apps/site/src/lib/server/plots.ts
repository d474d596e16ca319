/** Plots as pages show them: pictures at the widths of the layout in both themes, and their values. Drawn once, kept within bounds. */
import { createHash } from 'node:crypto';
import { loadEvidence, plotSpec } from '@working-papers/methods';
import { type Drawing, type DrawOptions, drawPlots } from '@working-papers/runs';
import { LRUCache } from 'lru-cache';
import { methodOf } from './papers.ts';
import { type PlotTable, tablesOf } from './plot-table.ts';

export type Spec = Record<string, unknown>;

/** Pixels: a column of a wide page, a phone, the margin beside an abstract (styles/plots.css has the same). */
const widths = { wide: 464, narrow: 328, margin: 312 } as const;
export const thumbnailWidth = 112;

/** One picture in both themes: addresses of the SVG, and its size in pixels. With `.json` for `.svg` it is the Vega spec behind it. */
export interface Picture {
  light: string;
  dark: string;
  width: number;
  height: number;
}

export interface ShownPlot {
  name: string;
  caption: string;
  setting?: string;
  lead?: boolean;
  wide: Picture;
  narrow: Picture;
  /** Of the lead plot only. */
  margin?: Picture;
  tables: PlotTable[];
}

const sizeOf = ({ svg, vega }: Drawing) => svg.length + JSON.stringify(vega).length;
const kept = new LRUCache<string, Drawing>({ maxSize: 96 * 1024 * 1024, sizeCalculation: sizeOf });
const refused = new LRUCache<string, Error>({ max: 500 });
const drawing = new Map<string, Promise<Drawing[]>>();
const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/**
 * The drawings of a spec for each of the options, in their order; what is not kept is drawn in one process.
 * Throws the sentence of why it cannot be drawn, again without a new try.
 */
export async function drawn(spec: Spec, options: readonly DrawOptions[]): Promise<Drawing[]> {
  const id = hash(JSON.stringify(spec));
  const keys = options.map(({ width, dark, thumbnail }) => `${id} ${width} ${dark ?? false} ${thumbnail ?? false}`);
  const found = keys.map((key) => kept.get(key));
  if (found.every((one) => one !== undefined)) return found;
  const problem = refused.get(id);
  if (problem) throw problem;
  const all = keys.join();
  let under = drawing.get(all);
  if (!under) {
    under = drawPlots(spec, options).finally(() => drawing.delete(all));
    drawing.set(all, under);
  }
  try {
    const drawings = await under;
    drawings.forEach((one, i) => {
      kept.set(keys[i]!, one);
    });
    return drawings;
  } catch (error) {
    if (error instanceof Error) refused.set(id, error);
    throw error;
  }
}

/**
 * The pictures and values of a spec.
 * @param address of the plot without its ending: "/api/v1/papers/prepacking/plots/speed"
 */
export async function shownPlot(
  address: string,
  spec: Spec,
  words: { name: string; caption: string; setting?: string; lead?: boolean },
): Promise<ShownPlot> {
  const places = words.lead ? (['wide', 'narrow', 'margin'] as const) : (['wide', 'narrow'] as const);
  const options = places.flatMap((place) => [{ width: widths[place] }, { width: widths[place], dark: true }]);
  const drawings = await drawn(spec, options);
  const picture = (i: number): Picture => {
    const [light, dark] = [drawings[2 * i]!, drawings[2 * i + 1]!];
    const found = `${address}.svg?width=${options[2 * i]!.width}&v=${hash(light.svg + dark.svg)}`;
    return { light: found, dark: `${found}&dark=1`, width: light.width, height: light.height };
  };
  return {
    ...words,
    wide: picture(0),
    narrow: picture(1),
    ...(words.lead ? { margin: picture(2) } : {}),
    tables: tablesOf(spec),
  };
}

const nameOf = (file: string) => file.replace(/^plots\//, '').replace(/\.vl\.json$/, '');

/** The plots of the evidence that ships with a method, the lead first. One that cannot be drawn is left out, with a line in the log. */
export async function plotsOf(slug: string): Promise<ShownPlot[]> {
  const plots = await recordedPlots(slug);
  const shown = await Promise.all(
    plots.map(async ({ file, name, caption, setting, lead }) => {
      try {
        const address = `/api/v1/papers/${slug}/plots/${nameOf(file)}`;
        return await shownPlot(address, await specOf(slug, file), { name, caption, setting, lead });
      } catch (error) {
        console.error(`The plot ${file} of ${slug} could not be drawn:`, error);
        return undefined;
      }
    }),
  );
  return shown.filter((plot) => plot !== undefined);
}

/** Addresses of the lead plot of a paper as a small picture without words; undefined when it has no plots. */
export async function thumbnailOf(slug: string): Promise<{ light: string; dark: string } | undefined> {
  const [lead] = await recordedPlots(slug);
  if (!lead) return undefined;
  const light = `/api/v1/papers/${slug}/plots/${nameOf(lead.file)}.svg?thumbnail=1`;
  return { light, dark: `${light}&dark=1` };
}

/** The spec of a recorded plot by the name in its address; undefined when the paper has no such plot. */
export async function recordedSpec(slug: string, name: string): Promise<Spec | undefined> {
  const plot = (await recordedPlots(slug)).find(({ file }) => nameOf(file) === name);
  return plot && (await specOf(slug, plot.file));
}

const specOf = async (slug: string, file: string) => (await plotSpec(slug, file)) as Spec;

async function recordedPlots(slug: string) {
  // A paper that was imported without a room of its own has no evidence to draw.
  if (!(await methodOf(slug))) return [];
  const { plots } = await loadEvidence(slug);
  const lead = plots.find((plot) => plot.lead) ?? plots[0];
  return plots.map((plot) => ({ ...plot, lead: plot === lead })).sort((a, b) => Number(b.lead) - Number(a.lead));
}
