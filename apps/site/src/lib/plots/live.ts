/** A live Vega view in the place of a picture: loaded when a reader turns to a plot. Specs are hostile: no loader, no eval. */
import { placeLabels, refusingLoader } from '@working-papers/runs/plots';
import { None, parse, View } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { type Target, targetsOf } from './targets.ts';

export interface Live {
  targets: Target[];
  close(): void;
}

/**
 * Draws the spec at an address of this site into `stage`, as large as its picture.
 * Throws when it cannot be fetched or drawn; the picture then stays.
 */
export async function openLive(stage: HTMLElement, address: string): Promise<Live> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answered ${response.status}.`);
  const spec = await response.json();
  // Labels are placed by their widths, so the faces must be here first.
  await Promise.all(['400', '600'].map((weight) => document.fonts.load(`${weight} 13px "Source Sans 3 Variable"`)));
  const view = new View(parse(spec, undefined, { ast: true }), {
    expr: expressionInterpreter,
    loader: refusingLoader,
    renderer: 'svg',
    logLevel: None,
    tooltip: () => {},
  } as never);
  try {
    await view.runAsync();
    const { left = 0, right = 0 } = view.padding() as { left?: number; right?: number };
    placeLabels(view, view.width() + left + right);
    view.initialize(stage);
    await view.runAsync();
    return { targets: targetsOf(view), close: () => view.finalize() };
  } catch (error) {
    view.finalize();
    throw error;
  }
}
