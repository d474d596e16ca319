/** A plot as a picture (.svg) or as the Vega spec that it was drawn from (.json): `width` pixels or a `thumbnail`, `dark` or not. */
import type { Context } from 'hono';
import { etag } from 'hono/etag';
import { drawn, type Spec, thumbnailWidth } from '../plots.ts';
import { badRequest, type Environment, notFound } from './context.ts';

/** For routes that answer with answerPlot: a reader who has it is told so. */
export const tagged = etag();

export interface PlotFile {
  name: string;
  format: 'svg' | 'json';
}

/** "speed.svg" in its parts; throws not-found for any other name. */
export function plotFile(file: string): PlotFile {
  const [, name, format] = /^([\w-]{1,80})\.(svg|json)$/.exec(file) ?? [];
  if (!name) throw notFound('There is no such plot; its name ends with .svg or .json.');
  return { name, format: format as PlotFile['format'] };
}

export async function answerPlot(c: Context<Environment>, spec: Spec, format: PlotFile['format']): Promise<Response> {
  const width = Number(c.req.query('width') ?? 640);
  if (!(width >= 160 && width <= 1600)) throw badRequest('The width of a plot is 160 to 1,600 pixels.');
  const dark = c.req.query('dark') === '1';
  const thumbnail = c.req.query('thumbnail') === '1';
  const [drawing] = await drawn(spec, [{ width: thumbnail ? thumbnailWidth : Math.round(width), dark, thumbnail }]);
  const headers = {
    'content-type': format === 'svg' ? 'image/svg+xml' : 'application/json; charset=utf-8',
    // An address that names the drawing never shows another.
    'cache-control': c.req.query('v') ? 'private, max-age=31536000, immutable' : 'private, no-cache',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; font-src data:; sandbox",
  };
  return c.body(format === 'svg' ? drawing!.svg : JSON.stringify(drawing!.vega), 200, headers);
}
