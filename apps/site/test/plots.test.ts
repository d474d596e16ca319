/** Plots in a real browser under the site's own content security policy: pictures first, live views in their place, previews of links. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './browser.ts';
import { type Instance, startInstance } from './instance.ts';

let instance: Instance;
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  [instance, browser] = await Promise.all([startInstance(), openBrowser()]);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await instance?.stop();
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.text().includes('stays a picture')) problems.push(message.text());
  });
  await page.goto(instance.address + path);
  // Script has reached the plots when they can be focused.
  if (options.javaScriptEnabled !== false) await page.locator('#plots .plot[tabindex="0"]').first().waitFor();
  return page;
}
const first = (page: Page) => page.locator('#plots .plot').first();
const shown = (page: Page) =>
  first(page)
    .locator('img')
    .evaluate((image: HTMLImageElement) => image.currentSrc);

describe('a plot', () => {
  it('becomes live under the pointer, and nothing moves', async () => {
    const page = await open('/papers/prepacking');
    const plot = first(page);
    await plot.scrollIntoViewIfNeeded();
    await plot.locator('img').evaluate((image: HTMLImageElement) => image.decode());
    const before = await plot.boundingBox();
    const below = await page.locator('#runs').boundingBox();
    expect(await page.locator('.stage svg').count()).toBe(0);
    await page.mouse.move(before!.x + before!.width / 2, before!.y + before!.height / 2);
    await plot.locator('.stage svg').waitFor();
    expect(await plot.boundingBox()).toEqual(before);
    expect(await page.locator('#runs').boundingBox()).toEqual(below);
    const live = await plot.locator('.stage svg').boundingBox();
    expect([live!.width, live!.height].map(Math.round)).toEqual([before!.width, before!.height].map(Math.round));
    // The first point of the picture, a few pixels beside it.
    const mark = await plot.locator('.stage .mark-symbol.role-mark path').first().boundingBox();
    await page.mouse.move(mark!.x + mark!.width / 2 + 5, mark!.y + mark!.height / 2 + 5);
    await plot.locator('.tip').waitFor();
    expect(await plot.locator('.tip').textContent()).toMatch(/\d/);
    await page.mouse.move(10, 10);
    await plot.locator('.tip').waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('is stepped through with arrow keys, said aloud, and left with Escape', async () => {
    const page = await open('/papers/prepacking');
    await first(page).focus();
    await page.keyboard.press('ArrowRight');
    await first(page).locator('.tip').waitFor();
    const said = () => page.locator('#plots [role=status]').first().textContent();
    const one = await said();
    expect(one).toMatch(/^.+\d.*; 1 of \d+$/);
    await page.keyboard.press('ArrowRight');
    await expect.poll(said).toMatch(/; 2 of \d+$/);
    await page.keyboard.press('End');
    await expect.poll(said).toMatch(/; (\d+) of \1$/);
    await page.keyboard.press('Escape');
    await first(page).locator('.tip').waitFor({ state: 'detached' });
    expect(await said()).toBe('');
    await page.context().close();
  });

  it('follows the colour scheme, as a picture and live', async () => {
    const page = await open('/papers/prepacking', { colorScheme: 'dark' });
    await first(page).scrollIntoViewIfNeeded();
    await expect.poll(() => shown(page)).toContain('dark=1');
    const svg = await (await fetch(await shown(page))).text();
    // Paper, ink and rule of the light pages.
    for (const colour of ['#fbf9f4', '#1d1b17', '#dfd9cc']) expect(svg).not.toContain(colour);
    const ink = () => first(page).locator('.stage .role-axis-label text').first().getAttribute('fill');
    await first(page).focus();
    await first(page).locator('.stage svg').waitFor();
    expect(await ink()).toBe('#9c9586');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(ink).toBe('#686154');
    await page.context().close();
  });

  it('is drawn for the width of a phone, and its text is not shrunk', async () => {
    const page = await open('/papers/prepacking', { viewport: { width: 390, height: 800 } });
    await first(page).scrollIntoViewIfNeeded();
    await expect.poll(() => shown(page)).toContain('width=328');
    const image = first(page).locator('img');
    const [natural, across] = await image.evaluate((one: HTMLImageElement) => [one.naturalWidth, one.clientWidth]);
    expect(across).toBe(natural);
    await page.context().close();
  });

  it('is a picture with its values beneath without script', async () => {
    const page = await open('/papers/prepacking', { javaScriptEnabled: false });
    await first(page).scrollIntoViewIfNeeded();
    await expect.poll(async () => (await first(page).locator('img').boundingBox())!.width).toBeGreaterThan(300);
    expect(await first(page).getAttribute('tabindex')).toBeNull();
    const headings = await page.locator('#plots details').first().locator('th').allTextContents();
    expect(headings.length).toBeGreaterThan(2);
    await page.context().close();
  });

  it('has an address that names it, with its spec beside it, and none for what there is not', async () => {
    const page = await open('/papers/prepacking');
    await first(page).scrollIntoViewIfNeeded();
    await expect.poll(() => shown(page)).not.toBe('');
    const address = await shown(page);
    const picture = await fetch(address);
    expect(picture.headers.get('content-type')).toBe('image/svg+xml');
    expect(picture.headers.get('cache-control')).toContain('immutable');
    const spec = await (await fetch(address.replace('.svg', '.json'))).json();
    expect(spec.marks.length).toBeGreaterThan(0);
    const status = async (path: string) => (await fetch(`${instance.address}/api/v1/papers/${path}`)).status;
    expect(await status('prepacking/plots/nothing.svg')).toBe(404);
    expect(await status('prepacking/plots/speed.png')).toBe(404);
    expect(await status('prepacking/plots/..%2Fevidence.json')).toBe(404);
    expect(await status('nothing/plots/speed.svg')).toBe(404);
    expect(await status('prepacking/plots/speed.svg?width=9')).toBe(400);
    await page.context().close();
  });

  it('had no script errors and broke no policy', () => expect(problems).toEqual([]));
});

describe('a link shown elsewhere', () => {
  it.each(['/papers/prepacking', '/', '/claims'])('has a picture of 1200 x 630: %s', async (path) => {
    const page = await (await fetch(instance.address + path)).text();
    const image = /property="og:image" content="([^"]+)"/.exec(page)?.[1];
    expect(image).toMatch(new RegExp(`^${instance.address}/.*preview\\.png$`));
    expect(page).toContain('name="twitter:card" content="summary_large_image"');
    const response = await fetch(image!);
    expect(response.headers.get('content-type')).toBe('image/png');
    const png = new DataView(await response.arrayBuffer());
    expect([png.getUint32(16), png.getUint32(20)]).toEqual([1200, 630]);
    const again = await fetch(image!, { headers: { 'if-none-match': response.headers.get('etag')! } });
    expect(again.status).toBe(304);
  });

  it('has none for a paper that there is not', async () => {
    expect((await fetch(`${instance.address}/papers/no-such-paper/preview.png`)).status).toBe(404);
  });
});
