import { expect, it } from 'vitest';
import type { Verdict } from '../format.ts';
import { paperPreview, previewResponse, shelfPreview } from './preview.ts';

/** Width and height as the header of a PNG has them (ISO/IEC 15948, 11.2.2). */
function sizeOf(png: Uint8Array): [number, number] {
  expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}
const verdicts: Verdict[] = ['holds', 'partly', 'does not hold here', 'not tested'];
const paper = { title: 'A paper', family: 'serving', date: '2024-04-15', verdicts };

it('is a PNG of 1200 x 630, another one for another verdict', async () => {
  const one = await paperPreview(paper);
  expect(sizeOf(one.png)).toEqual([1200, 630]);
  const other = await paperPreview({ ...paper, verdicts: ['holds', 'holds', 'does not hold here', 'not tested'] });
  expect(other.etag).not.toBe(one.etag);
  expect((await paperPreview({ ...paper })).png).toBe(one.png);
});

it('is drawn for titles of any length and script, without claims, and for a shelf of any size', async () => {
  const title = `Λ-shaped ﬁne “attention” <b>&amp; 注意力 ${'long words '.repeat(60)}`;
  for (const preview of [
    await paperPreview({ ...paper, title, verdicts: [] }),
    await shelfPreview([]),
    await shelfPreview(Array.from({ length: 90 }, () => verdicts)),
  ])
    expect(sizeOf(preview.png)).toEqual([1200, 630]);
});

it('is not sent again to who has it', async () => {
  const preview = await paperPreview(paper);
  const first = previewResponse(preview, new Request('http://localhost/'));
  expect([first.status, first.headers.get('content-type')]).toEqual([200, 'image/png']);
  const again = new Request('http://localhost/', { headers: { 'if-none-match': first.headers.get('etag')! } });
  expect(previewResponse(preview, again).status).toBe(304);
});
