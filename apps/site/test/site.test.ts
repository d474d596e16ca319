/** What a newcomer does, in a real browser on a whole instance: browse, search, open, run, watch, reload, cancel, read. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './browser.ts';
import { type Instance, startInstance } from './instance.ts';

let instance: Instance;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  [instance, browser] = await Promise.all([startInstance(), openBrowser()]);
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await instance?.stop();
});

/** The encoder is up and every paper has its embedding. */
async function searchable(): Promise<void> {
  await expect
    .poll(async () => (await (await fetch(`${instance.address}/api/v1/status`)).json()).encoder, {
      timeout: 240_000,
      interval: 1000,
    })
    .toMatchObject({ state: 'ready', papers: { embedded: 51 } });
}

describe('a reader', () => {
  it('sees the shelf by date, with a strip a paper, and goes from month to month', async () => {
    await page.goto(instance.address);
    expect(await page.textContent('.aside')).toContain('All papers 51');
    expect(await page.locator('.row').count()).toBeGreaterThan(15);
    expect(await page.locator('.row .strip').first().getAttribute('aria-label')).toMatch(/^\d+ claims: /);
    await page.click('.span a:has-text("month")');
    await page.waitForURL(/view=month/);
    expect(new URL(page.url()).searchParams.get('view')).toBe('month');
    const first = await page.textContent('.pagehead .say');
    await page.click('a[aria-label="Earlier papers"]');
    await page.waitForFunction((before) => document.querySelector('.pagehead .say')?.textContent !== before, first);
    await page.goto(`${instance.address}/?view=day&date=2001-01-01`);
    expect(await page.textContent('main')).toContain('The nearest later ones');
  });

  it('finds Prepacking first by a paraphrase, by word alone until the encoder is there', async () => {
    await page.goto(`${instance.address}/search?q=prepacking`);
    expect(await page.locator('[data-testid=hits] h3').first().textContent()).toMatch(/^Prepacking/);
    await searchable();
    await page.goto(instance.address);
    // The key works once the page's script runs, which on a busy machine is some time after it has loaded.
    const pressed = async () => {
      await page.keyboard.press('/');
      return await page.evaluate(() => document.activeElement?.id);
    };
    await expect.poll(pressed, { timeout: 30_000 }).toBe('q');
    await page.keyboard.type('make batches of prompts of uneven length faster');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/search/);
    expect(await page.textContent('[data-testid=mode]')).toContain('by meaning');
    expect(await page.locator('[data-testid=hits] h3').first().textContent()).toMatch(/^Prepacking/);
  }, 300_000);

  it('gets answers while typing', async () => {
    await page.goto(`${instance.address}/search`);
    await page.fill('#q', 'sparse autoencoder radiology');
    await page.waitForSelector('[data-testid=hits] h3');
    expect(await page.locator('[data-testid=hits] h3').first().textContent()).toContain('radiology');
  });

  it('reads claims beside evidence, and is led here by an arXiv address or a pasted link', async () => {
    await page.goto(`${instance.address}/abs/2404.09529`);
    expect(page.url()).toBe(`${instance.address}/papers/prepacking`);
    expect(await page.locator('.claims tbody tr').count()).toBe(10);
    expect(await page.locator('.index a').count()).toBe(10);
    expect(await page.locator('.abstract .claimed').count()).toBeGreaterThan(2);
    await page.fill('#q', 'https://arxiv.org/abs/2103.11790');
    await page.press('#q', 'Enter');
    await page.waitForURL(/\/papers\/moral-direction/);
    const bibtex = await (await fetch(`${instance.address}/papers/prepacking/cite.bib`)).text();
    expect(bibtex).toMatch(/^@\w+\{/);
    expect(bibtex).toContain('2404.09529');
  });

  it('sees every claim in the ledger, filters it and takes it along', async () => {
    await page.goto(`${instance.address}/claims?family=serving`);
    expect(await page.locator('.shelf a[href^="/papers/"]').count()).toBe(51);
    const rows = await page.locator('#table tbody tr').count();
    expect(rows).toBeGreaterThan(20);
    const csv = await (await fetch(`${instance.address}/api/v1/claims.csv`)).text();
    expect(csv.split('\r\n').length).toBeGreaterThan(400);
  });

  it('can read and search without script', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const tab = await plain.newPage();
    await tab.goto(instance.address);
    await tab.fill('#q', 'learning rate warmup instabilities');
    await tab.press('#q', 'Enter');
    expect(await tab.locator('[data-testid=hits] h3').first().textContent()).toContain('Small-scale proxies');
    await plain.close();
  });

  it.each([360, 390, 640, 1280])('needs no sideways scrolling at %i px', async (width) => {
    const narrow = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: 'dark' });
    const tab = await narrow.newPage();
    for (const path of ['/', '/papers/prepacking', '/claims', '/search?q=attention', '/about', '/families', '/runs']) {
      await tab.goto(instance.address + path);
      const over = await tab.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(over, `${path} at ${width} px`).toBeLessThanOrEqual(0);
    }
    await narrow.close();
  });

  it('cannot start a run without the key, and is told where it is', async () => {
    await page.goto(`${instance.address}/papers/prepacking#run`);
    expect(await page.isDisabled('button:has-text("Run it")')).toBe(true);
    expect(await page.textContent('#run')).toContain('the key that the terminal printed');
    const refused = await fetch(`${instance.address}/api/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ slug: 'prepacking', parameters: {} }),
    });
    expect(refused.status).toBe(403);
  });

  it('is refused under another name or from another site', async () => {
    // fetch forbids setting Host, so this goes through node:http.
    const { request } = await import('node:http');
    const { port } = new URL(instance.address);
    const status = (headers: Record<string, string>, method = 'GET') =>
      new Promise<number>((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, path: '/', method, headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        sent.on('error', reject);
        sent.end();
      });
    expect(await status({ host: 'evil.example' })).toBe(403);
    expect(await status({ host: `localhost:${port}`, origin: 'https://evil.example' }, 'POST')).toBe(403);
    expect(await status({ host: `localhost:${port}` })).toBe(200);
  });
});

describe('who holds the key', () => {
  it('runs prepacking on prompts of their own, watches it finish, reloads in between and reads the proof', async () => {
    await page.goto(instance.keyed);
    expect(page.url()).toBe(`${instance.address}/`);
    await page.goto(`${instance.address}/papers/prepacking#run`);
    await page.fill(
      '#f-prompts',
      'Why is the sky blue?\nWrite a haiku about the sea.\nWho wrote Don Quixote, and when, and in which language?\nName three rivers.',
    );
    expect(await page.textContent('[data-testid=command]')).toContain('npx papers run prepacking');
    await page.click('button:has-text("Run it")');
    await page.waitForURL(/\/runs\//);
    await page.waitForSelector('h1.status:has-text("Running"), h1.status:has-text("Done")', { timeout: 60_000 });
    await page.reload();
    expect(await page.locator('h1.status').count()).toBe(1);
    await page.waitForSelector('h1.status:has-text("Done")', { timeout: 240_000 });
    const tables = await page.locator('.data caption').allTextContents();
    expect(tables.join(' ')).toContain('Packed keys and values');
    expect(await page.textContent('main')).toContain('packed as a whole');
    expect(await page.locator('a:has-text("plan.json")').count()).toBe(1);
    const picture = page.locator('.plot img').first();
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100);
  }, 400_000);

  it('imports a page, is told what was new, and what could not be read', async () => {
    await page.goto(instance.keyed);
    await page.goto(`${instance.address}/import`);
    await page.fill('#text', 'Nothing of this is a list of papers.');
    await page.click('button:has-text("Import")');
    expect(await page.textContent('[role=alert]')).toMatch(/\.$/);
    const paper = [
      'A paper of my own',
      '',
      'It says something new about attention in small models.',
      '',
      '  • 2 authors',
      '·',
      'Nov 20, 2026',
    ];
    await page.fill('#text', ['Daily Papers', '', ...paper].join('\n'));
    await page.click('button:has-text("Import")');
    await page.waitForSelector('h2:has-text("1 new paper")');
    await page.click('a:has-text("A paper of my own")');
    await page.waitForURL(/\/papers\//);
    expect(await page.textContent('.abstract')).toContain('something new about attention');
  });

  it('is shown what is wrong with a form, with everything that was entered', async () => {
    await page.goto(instance.keyed);
    await page.goto(`${instance.address}/papers/prepacking#run`);
    await page.fill('#f-prompts', 'A prompt of my own.');
    await page.click('summary:has-text("seed")');
    await page.fill('#f-seed', '7');
    for (const box of await page.locator('input[type=checkbox][name=compare]').all()) await box.uncheck();
    await page.click('button:has-text("Run it")');
    await page.waitForSelector('.wrong[role=alert]');
    expect(page.url()).toContain('/papers/prepacking');
    expect(await page.inputValue('#f-prompts')).toBe('A prompt of my own.');
    expect(await page.inputValue('#f-seed')).toBe('7');
    expect(await page.locator('input[name=compare]:checked').count()).toBe(0);
    const answer = await fetch(`${instance.address}/api/v1/runs`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${instance.key}`,
      },
      body: JSON.stringify({ slug: 'prepacking', parameters: { batch: 'many' } }),
    });
    expect(answer.status).toBe(400);
    expect((await answer.json()).errors[0].field).toBe('batch');
  });

  it('cancels a run', async () => {
    await page.goto(`${instance.address}/papers/prepacking#run`);
    await page.fill(
      '#f-prompts',
      Array.from({ length: 64 }, (_, i) => `Prompt ${i}: ${'tell me more about it '.repeat(1 + (i % 9) * 6)}`).join(
        '\n',
      ),
    );
    await page.click('button:has-text("Run it")');
    await page.waitForURL(/\/runs\//);
    await page.waitForSelector('h1.status:has-text("Running")', { timeout: 120_000 });
    await page.click('button:has-text("Cancel")');
    await page.waitForSelector('h1.status:has-text("Cancelled")', { timeout: 30_000 });
    await page.goto(`${instance.address}/runs`);
    expect(await page.textContent('.data')).toContain('cancelled');
  }, 240_000);

  it('had no script errors', () => {
    // A refused request of a test is not an error of the page.
    expect(problems.filter((problem) => !/Failed to load resource/.test(problem))).toEqual([]);
  });
});
