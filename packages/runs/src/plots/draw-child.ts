/** The drawing process: one spec in, one SVG or one sentence out. Started by draw.ts only. */
import { None, parse, View } from 'vega';
import { compile } from 'vega-lite';
import { plotConfig } from './config.ts';
import { type DrawAnswer, type DrawRequest, drawLimits } from './draw.ts';

/** A loader that loads nothing: every fetch, file and link is refused. */
const refusingLoader = {
  options: {},
  load: async (address: string): Promise<never> => refuse(address),
  sanitize: async (address: string): Promise<never> => refuse(address),
  http: async (address: string): Promise<never> => refuse(address),
  file: async (address: string): Promise<never> => refuse(address),
};

function refuse(address: string): never {
  throw new Error(`A plot may not load "${address}"; plots hold inline values only.`);
}

async function draw({ spec, width, dark }: DrawRequest): Promise<string> {
  const quiet = { level: () => quiet, warn: () => quiet, info: () => quiet, debug: () => quiet, error: () => quiet };
  const sized = 'width' in spec || !('mark' in spec || 'layer' in spec) ? spec : { ...spec, width };
  const { spec: vega } = compile(
    { autosize: { type: 'fit', contains: 'padding' }, ...sized, background: null } as never,
    { config: { ...plotConfig({ dark }), ...(spec.config as object | undefined) } as never, logger: quiet as never },
  );
  const view = new View(parse(vega), { loader: refusingLoader, renderer: 'none', logLevel: None });
  const svg = await view.toSVG();
  view.finalize();
  if (svg.length > drawLimits.svgBytes) {
    throw new Error(`The drawn plot has ${svg.length} bytes; at most ${drawLimits.svgBytes}. Plot fewer points.`);
  }
  return svg;
}

function answer(message: DrawAnswer): void {
  process.send?.(message);
}

process.on('disconnect', () => process.exit(0));
process.once('message', (request: DrawRequest) => {
  draw(request).then(
    (svg) => answer({ svg }),
    (error: unknown) =>
      answer({ problem: `The plot could not be drawn: ${error instanceof Error ? error.message : String(error)}` }),
  );
});
answer({ ready: true });
