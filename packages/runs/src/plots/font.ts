/** The face of the pages, for measuring and for pictures, which can load no font of a page. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { create, type Font } from 'fontkit';

const require = createRequire(import.meta.url);

function face(weight: 400 | 600) {
  const file = require.resolve(`@fontsource/source-sans-3/files/source-sans-3-latin-${weight}-normal.woff2`);
  const bytes = readFileSync(file);
  const source = `url(data:font/woff2;base64,${bytes.toString('base64')})`;
  return {
    font: create(bytes) as Font,
    rule: `@font-face{font-family:"Source Sans 3";font-weight:${weight};src:${source}}`,
  };
}
const regular = face(400);
const semibold = face(600);

/** Widths at size 1: Vega asks for each label many times. */
const widths = new Map<string, number>();

/** How wide a line of text is, in the unit of `size`. */
export function textWidth(text: string, size: number, weight: number): number {
  const bold = weight >= 500;
  const key = `${bold} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    const { font } = bold ? semibold : regular;
    width = font.layout(text).advanceWidth / font.unitsPerEm;
    if (widths.size < 20_000) widths.set(key, width);
  }
  return width * size;
}

/** An SVG that carries the face it was laid out with: a picture on a page can load none. */
export function withFont(svg: string): string {
  const rules = [regular.rule, /font-weight="(?:[5-9]00|bold)"/.test(svg) ? semibold.rule : ''].join('');
  return svg.replace(/^<svg[^>]*>/, (opening) => `${opening}<style>${rules}</style>`);
}
