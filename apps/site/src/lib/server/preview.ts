/** Preview pictures for links: a paper's title and strip, or the whole shelf, as a PNG of 1200 x 630. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { renderAsync } from '@resvg/resvg-js';
import { lightPalette as inks } from '@working-papers/runs';
import { LRUCache } from 'lru-cache';
import satori, { type Font } from 'satori';
import { day, stripSentence, type Verdict } from '../format.ts';

export const previewSize = { width: 1200, height: 630 } as const;

export interface PaperPreview {
  title: string;
  family?: string;
  /** YYYY-MM-DD */
  date: string;
  verdicts: Verdict[];
}

export interface Preview {
  png: Uint8Array<ArrayBuffer>;
  /** Strong: the hash of the picture. */
  etag: string;
}

interface Element {
  type: string;
  props: Record<string, unknown>;
}
type Child = Element | string;

const kept = new LRUCache<string, Preview, () => Element>({
  maxSize: 24 * 1024 * 1024,
  sizeCalculation: ({ png }) => png.byteLength,
  fetchMethod: (_key, _stale, { context }) => render(context()),
});

export const paperPreview = (paper: PaperPreview): Promise<Preview> => draw(paper, () => paperPicture(paper));

/** The whole shelf, a strip a paper. */
export const shelfPreview = (papers: readonly Verdict[][]): Promise<Preview> =>
  draw(papers, () => shelfPicture(papers));

async function draw(of: unknown, picture: () => Element): Promise<Preview> {
  return kept.forceFetch(JSON.stringify(of), { context: picture });
}

const box = (style: Record<string, unknown>, ...children: Child[]): Element => ({
  type: 'div',
  props: { style: { display: 'flex', ...style }, children },
});

const margin = { x: 72, y: 56 } as const;
const inner = { width: previewSize.width - 2 * margin.x, height: previewSize.height - 2 * margin.y };

const page = (...children: Child[]) =>
  box(
    { ...previewSize, background: inks.paper, color: inks.ink, fontFamily: 'Sans' },
    box(
      { ...inner, margin: `${margin.y}px ${margin.x}px`, flexDirection: 'column', justifyContent: 'space-between' },
      ...children,
    ),
  );

function paperPicture({ title, family, date, verdicts }: PaperPreview): Element {
  const words = title.length > 220 ? `${title.slice(0, 218)} …` : title;
  const size = words.length <= 60 ? 68 : words.length <= 110 ? 58 : words.length <= 160 ? 50 : 42;
  const about = [family, day(date)].filter(Boolean).join(' · ');
  return page(
    box(
      { justifyContent: 'space-between', fontSize: 30 },
      box({ fontFamily: 'Serif', fontWeight: 600 }, 'Working Papers'),
      box({ color: inks.ink2 }, about),
    ),
    box({ fontFamily: 'Serif', fontWeight: 600, fontSize: size, lineHeight: 1.18 }, words),
    box(
      { flexDirection: 'column', gap: 20 },
      wall([verdicts], inner.width, 60),
      box({ fontSize: 32, color: inks.ink2 }, verdicts.length > 0 ? stripSentence(verdicts) : 'No claims listed yet'),
    ),
  );
}

function shelfPicture(papers: readonly Verdict[][]): Element {
  return page(
    box(
      { justifyContent: 'space-between', alignItems: 'baseline' },
      box({ fontFamily: 'Serif', fontWeight: 600, fontSize: 60 }, 'Working Papers'),
      box({ fontSize: 32, color: inks.ink2 }, 'Daily papers that you can run'),
    ),
    wall(papers, inner.width, 330),
    box({ fontSize: 30, color: inks.ink2 }, `${papers.length} papers, ${stripSentence(papers.flat())}`),
  );
}

const pitch = 1.3;
const colours: Record<Verdict, string> = {
  holds: inks.holds,
  partly: inks.partly,
  'does not hold here': inks.fails,
  'not tested': inks.untested,
};

/** Strips in as many columns as make the largest marks that fit into the space. */
function wall(strips: readonly Verdict[][], width: number, height: number): Element {
  const longest = Math.max(1, ...strips.map(({ length }) => length));
  const fits = (columns: number) => {
    const rows = Math.ceil(strips.length / columns);
    // A strip and the gap to the next; a row and the gap below it.
    const across = width / (columns * longest * pitch + (columns - 1) * 2);
    return { columns, rows, mark: Math.min(across, height / (rows * 1.9), 32) };
  };
  const best = [1, 2, 3, 4, 5, 6].map(fits).reduce((a, b) => (b.mark > a.mark ? b : a));
  const { rows, mark } = best;
  const marks = strips.flatMap((verdicts, i) => {
    const left = Math.floor(i / rows) * (longest * pitch + 2) * mark;
    const top = (i % rows) * 1.9 * mark;
    return verdicts.map((verdict, k): Element => {
      const place = `translate(${(left + k * pitch * mark).toFixed(2)} ${top.toFixed(2)}) scale(${(mark / 10).toFixed(4)})`;
      return { type: 'g', props: { transform: place, children: shape(verdict) } };
    });
  });
  const tall = Math.ceil(((rows - 1) * 1.9 + 1) * mark);
  return { type: 'svg', props: { width, height: tall, viewBox: `0 0 ${width} ${tall}`, children: marks } };
}

/** As in MarkShape.svelte, on a grid of 10 x 10. */
function shape(verdict: Verdict): Element[] {
  const colour = colours[verdict];
  const ring = (r: number, strokeWidth: number): Element => ({
    type: 'circle',
    props: { cx: 5, cy: 5, r, fill: 'none', stroke: colour, 'stroke-width': strokeWidth },
  });
  const path = (d: string, props: Record<string, unknown>): Element => ({ type: 'path', props: { d, ...props } });
  if (verdict === 'holds') return [{ type: 'circle', props: { cx: 5, cy: 5, r: 4.6, fill: colour } }];
  if (verdict === 'partly') return [ring(4.25, 1), path('M5 .75a4.25 4.25 0 0 0 0 8.5z', { fill: colour })];
  if (verdict === 'does not hold here')
    return [ring(4.1, 1.3), path('M2.1 7.9 7.9 2.1', { stroke: colour, 'stroke-width': 1.6 })];
  return [ring(3.5, 1)];
}

let faces: Promise<Font[]> | undefined;

/** The faces of the pages; the drawing library reads WOFF, not WOFF2. */
function loadFaces(): Promise<Font[]> {
  const { resolve } = createRequire(import.meta.url);
  const face = async (name: string, folder: string, subset: string, weight: 400 | 600): Promise<Font> => ({
    name,
    weight,
    style: 'normal',
    data: await readFile(resolve(`@fontsource/${folder}/files/${folder}-${subset}-${weight}-normal.woff`)),
  });
  return Promise.all([
    ...['latin', 'latin-ext', 'greek'].map((subset) => face('Serif', 'source-serif-4', subset, 600)),
    ...['latin', 'latin-ext', 'greek'].map((subset) => face('Sans', 'source-sans-3', subset, 400)),
  ]);
}

async function render(picture: Element): Promise<Preview> {
  faces ??= loadFaces();
  const svg = await satori(picture as never, { ...previewSize, fonts: await faces });
  const image = await renderAsync(svg, { font: { loadSystemFonts: false } });
  const png = new Uint8Array(image.asPng());
  return { png, etag: `"${createHash('sha256').update(png).digest('hex').slice(0, 32)}"` };
}

/** The picture as an answer; 304 for a reader who has it. */
export function previewResponse({ png, etag }: Preview, request: Request): Response {
  const headers = { etag, 'cache-control': 'public, max-age=3600', 'content-type': 'image/png' };
  const known = request.headers
    .get('if-none-match')
    ?.split(/\s*,\s*/)
    .includes(etag);
  return known ? new Response(null, { status: 304, headers }) : new Response(png, { headers });
}
