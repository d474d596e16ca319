/** Scans from end to end on models of a few hundred weights, and what they refuse. */
import { createDecoder, parseSafetensorsHeader, safetensorsHeaderLength, weightSource } from '@working-papers/models';
import { randomLlama, tinyLlama } from '@working-papers/models/testing';
import type { Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { type MemoryContext, memoryContext } from '../../memory-context.ts';
import { parseParameters } from '../../parameters.ts';
import { descriptorOf } from '../../registry.ts';
import { run } from './method.ts';
import type { ProxyParameters } from './parameters.ts';
import { numbersOf, trainingBatch, validationBatches } from './text.ts';

const runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());
const method = await descriptorOf('small-scale-proxies');

const verses = [
  'The sun was shining on the sea,',
  'Shining with all his might:',
  'He did his very best to make',
  'The billows smooth and bright.',
];
const poem = Array.from({ length: 60 }, (_, i) => verses[(i * i) % 4]).join('\n');
const small = {
  data: poem,
  sizes: '1x8,2x8,2x16',
  headDim: 8,
  steps: 20,
  batch: 2,
  sequence: 16,
  watchEvery: 5,
  lrs: '1e-3,3e-2,1',
};

/** The runtime, and how many programs it was asked for. */
function counted(): { runtime: Runtime; compiled: () => number } {
  let count = 0;
  const counting = new Proxy(runtime, {
    get(target, name) {
      if (name === 'compile') count += 1;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { runtime: counting, compiled: () => count };
}

async function scanned(raw: Record<string, unknown>, context: MemoryContext = fresh()): Promise<MemoryContext> {
  const parsed = parseParameters(method, { ...small, ...raw } as never);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  await run(parsed.value as unknown as ProxyParameters, context);
  return context;
}

const nothing = async (): Promise<never> => {
  throw new Error('no models here');
};
const fresh = (options: Partial<Parameters<typeof memoryContext>[0]> = {}) =>
  memoryContext({ runtime, open: nothing, ...options });
const textsOf = ({ events }: MemoryContext) =>
  events.flatMap((event) => (event.type === 'text' ? [event.markdown] : []));

describe('a scan', () => {
  test('trains every size, arm and rate, says what it found, and leaves its rows and the best weights', async () => {
    const context = await scanned({});
    const rows = context.written.get('runs.csv')!.trim().split('\n');
    expect(rows).toHaveLength(1 + 3 * 2 * 3);
    const columns = rows[0]!.split(',');
    const cell = (row: string, name: string) => Number(row.split(',')[columns.indexOf(name)]);
    const losses = rows.slice(1).map((row) => cell(row, 'loss'));
    for (const row of rows.slice(1)) {
      expect(cell(row, 'steps')).toBe(20);
      expect(cell(row, 'loss')).toBeLessThan(cell(row, 'initial_loss') + 3);
    }
    const [, intervention] = textsOf(context).at(-1)!.split('\n\n');
    expect(intervention).toMatch(/qk-norm|None of/);
    expect(textsOf(context).at(-1)).toContain(`${Math.min(...losses).toFixed(2)} nats`);
    expect(context.events.filter((event) => event.type === 'metric')).toHaveLength(18);
    expect(context.events.flatMap((event) => (event.type === 'plot' ? [event.name] : []))).toEqual([
      'fan',
      'sensitivity',
      'arms',
      'logits',
      'gradients',
      'telemetry',
    ]);
    const telemetry = context.written
      .get('telemetry.jsonl')!
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(telemetry).toHaveLength(18 * 5);
    expect(telemetry[0]).toMatchObject({ size: '1x8', arm: 'base', step: 1, maxLogit: [expect.any(Number)] });
    const summary = JSON.parse(context.written.get('sensitivity.json')!);
    expect(summary).toMatchObject({ rates: [1e-3, 3e-2, 1], steps: 20 });
    expect(summary.sensitivities).toHaveLength(6);
    const about = JSON.parse(context.written.get('model.json')!);
    expect(about.trained.loss).toBe(Math.min(...losses));
  });

  test('that is repeated trains nothing anew; with one more rate it trains that alone', async () => {
    const first = counted();
    const context = await scanned({ sizes: '1x8' }, fresh({ runtime: first.runtime }));
    const before = first.compiled();
    expect(before).toBeGreaterThan(0);
    const again = await scanned(
      { sizes: '1x8' },
      Object.assign(fresh({ runtime: first.runtime }), { store: context.store }),
    );
    expect(first.compiled()).toBe(before);
    expect(again.written.get('runs.csv')).toBe(context.written.get('runs.csv'));
    expect(again.written.get('model.safetensors')).toBe(context.written.get('model.safetensors'));
    await scanned(
      { sizes: '1x8', arms: 'base', lrs: '1e-3,3e-2,3e-1,1' },
      Object.assign(fresh({ runtime: first.runtime }), { store: context.store }),
    );
    // Step, watched step and validation of one size; and once more where the best run's weights were not kept.
    expect(first.compiled() - before).toBeLessThanOrEqual(6);
  });

  test('that is cancelled keeps the rows it has', async () => {
    const ending = new AbortController();
    const context = fresh({ signal: ending.signal });
    let rows = 0;
    const emit = context.emit;
    context.emit = (event) => {
      emit(event);
      if (event.type === 'metric' && ++rows === 3) ending.abort(new Error('enough'));
    };
    const raw = { sizes: '1x8,1x16', arms: 'base' };
    await expect(scanned(raw, context)).rejects.toThrow('enough');
    const { runtime: counting, compiled } = counted();
    const next = Object.assign(fresh({ runtime: counting }), { store: context.store });
    const kept: number[] = [];
    next.emit = (event) => {
      if (event.type === 'metric' && compiled() === 0) kept.push(event.y);
    };
    await scanned(raw, next);
    expect(kept.length).toBeGreaterThanOrEqual(3);
    const whole = await scanned(raw);
    const losses = (of: MemoryContext) =>
      of.written
        .get('runs.csv')!
        .split('\n')
        .map((line) => line.split(',').slice(0, 13).join());
    expect(losses(next)).toEqual(losses(whole));
  });

  test('over a configuration trains its architecture, at its own size and at others; what is saved opens', async () => {
    const config = {
      model_type: 'llama',
      vocab_size: 49152,
      hidden_size: 16,
      intermediate_size: 40,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      tie_word_embeddings: true,
    };
    const context = await scanned(
      { config: 'config.json', sizes: undefined, arms: 'base,eps-1e-15' },
      fresh({ inputs: { 'config.json': JSON.stringify(config) } }),
    );
    expect(textsOf(context)[0]).toContain("the configuration's 49152 would mostly never occur");
    expect(textsOf(context)[0]).toContain('tied to the embeddings');
    expect(JSON.parse(context.written.get('config.json')!)).toMatchObject({ hidden_size: 16, num_key_value_heads: 1 });
    const gpt2 = { model_type: 'gpt2', n_embd: 16, n_layer: 1, n_head: 2, vocab_size: 300, n_positions: 32 };
    const other = await scanned(
      { config: 'config.json', sizes: '1x8,2x16', arms: 'base,qk-norm' },
      fresh({ inputs: { 'config.json': JSON.stringify(gpt2) } }),
    );
    expect(other.written.get('runs.csv')).toContain('2x16,2,16,');
  });

  test('writes safetensors of the best run', async () => {
    const pieces: Uint8Array[] = [];
    const context = fresh();
    const write = context.write;
    context.write = (name, type) =>
      name === 'model.safetensors'
        ? { write: async (chunk) => void pieces.push(chunk as Uint8Array), close: async () => {} }
        : write(name, type);
    await scanned({ sizes: '1x8', arms: 'qk-norm' }, context);
    const bytes = pieces[0]!;
    const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.byteLength);
    const { entries, metadata } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.byteLength);
    expect(metadata).toMatchObject({ arm: 'qk-norm', size: '1x8' });
    expect(entries.map(({ name }) => name)).toContain('model.layers.0.self_attn.k_norm.weight');
  });

  test('of a text that is shorter than a run says how many times it is read', async () => {
    const context = await scanned({ sizes: '1x8', arms: 'base', steps: 60 });
    expect(textsOf(context)[0]).toMatch(/a run reads 1,920: 1\.\d epochs/);
  });

  test('is compared with an earlier one over the same rates and steps alone', async () => {
    const first = await scanned({ sizes: '1x8' });
    const inputs = { 'sensitivity.json': first.written.get('sensitivity.json')!, 'odd.json': '{}' };
    const again = await scanned({ sizes: '1x8', firstSeed: 2, against: 'sensitivity.json' }, fresh({ inputs }));
    expect(again.events.find((event) => event.type === 'table' && event.name === 'comparison')).toMatchObject({
      rows: [
        ['1x8', 'base', expect.any(Number), expect.any(Number)],
        ['1x8', 'qk-norm', expect.any(Number), expect.any(Number)],
      ],
    });
    await expect(scanned({ sizes: '1x8', steps: 24, against: 'sensitivity.json' }, fresh({ inputs }))).rejects.toThrow(
      '20 and of 24 steps',
    );
    await expect(scanned({ sizes: '1x8', against: 'odd.json' }, fresh({ inputs }))).rejects.toThrow(
      'no sensitivity.json',
    );
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['heads that do not divide', { sizes: '1x12' }, 'Heads of 8 do not divide a width of 12'],
    ['a size that is none', { sizes: 'big' }, '"big" is no size'],
    ['an arm that is none', { arms: 'base,magic' }, '"magic" is no arm'],
    ['too few rates', { lrs: '1e-3,1e-1' }, 'Sensitivity over a narrow range says little'],
    ['a quantised checkpoint', { config: 'model.gguf' }, 'its weights are quantised'],
    ['a text that is too short', { data: 'Too short.' }, 'needs at least 340'],
    ['a warm-up longer than the run', { warmUp: 30 }, 'leaves none for training'],
    ['a model too large', { sizes: '48x8192' }, 'trains at most 300,000,000'],
    ['a configuration that is no JSON', { config: '{"model_type": ' }, 'is no JSON'],
    [
      'another family',
      {
        config:
          '{"model_type":"bert","vocab_size":9,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":1}',
      },
      'Llama and GPT-2 families',
    ],
    [
      'muParam with a tied head',
      {
        arms: 'mup',
        sizes: undefined,
        config: '{"model_type":"gpt2","n_embd":16,"n_layer":1,"n_head":2,"n_positions":32}',
      },
      'Untie them',
    ],
  ])('refuses %s', async (_, raw, sentence) => {
    await expect(scanned(raw)).rejects.toThrow(sentence);
  });
});

test('a probe says what the activations say', async () => {
  const tensors = randomLlama(tinyLlama);
  const words = { encode: (text: string) => ({ ids: Array.from(text, (character) => character.charCodeAt(0) % 96) }) };
  const model = await createDecoder({
    reference: 'tiny',
    sha256: '',
    config: tinyLlama,
    tokenizer: words,
    runtime,
    weights: 'fp32',
    graphWeights: weightSource(tensors, 'fp32'),
    parameterBytes: 0,
    parameters: 0,
    notes: [],
    close: () => {},
  } as never);
  const context = fresh({ open: async () => model });
  const text = 'Rattle his bones over the stones.';
  await run({ action: 'probe', model: 'tiny', text, tokens: 20 }, context);
  const table = context.events.find((event) => event.type === 'table');
  const { ids } = words.encode(text);
  const names = [0, 1].flatMap((n) => ['scores', 'probabilities'].map((name) => `blocks.${n}.attention.${name}`));
  const seen = await model.activations({ ids: [ids.slice(0, 20)] }, names);
  for (const layer of [0, 1]) {
    const scores = Array.from(seen[`blocks.${layer}.attention.scores`]!.data as Float32Array).filter(
      (score) => score > -1e29,
    );
    const probabilities = Array.from(seen[`blocks.${layer}.attention.probabilities`]!.data as Float32Array);
    const entropy = probabilities.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0) / (4 * 20);
    const row = (table as { rows: number[][] }).rows[layer]!;
    expect(row[1]! / Math.max(...scores.map(Math.abs))).toBeCloseTo(1, 2);
    expect(row[2]! / entropy).toBeCloseTo(1, 2);
  }
  model.close();
});

describe('texts', () => {
  test('become numbers by how frequent their characters are; rare ones share the last', () => {
    const many = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    const { tokens, vocabulary, alphabet } = numbersOf(`aaa“b”${'b'.repeat(4)}${many}`);
    expect(alphabet.slice(0, 3)).toEqual(['b', 'a', '"']);
    expect(vocabulary).toBe(96);
    expect([...tokens.slice(0, 6)]).toEqual([1, 1, 1, 2, 0, 2]);
    expect(tokens.filter((token) => token === 95)).toHaveLength(100 - 92);
  });

  test('labels follow their ids; the same step has the same batch, another another', () => {
    const tokens = Uint16Array.from({ length: 500 }, (_, i) => i);
    const at = (step: number) => trainingBatch(tokens, { batch: 3, sequence: 8 }, { seed: 4, step });
    const { ids, labels } = at(0);
    for (const [i, id] of [...(ids!.data as BigInt64Array)].entries()) expect(labels!.data[i]).toBe(id + 1n);
    expect(at(0)).toEqual(at(0));
    expect(at(1)).not.toEqual(at(0));
    const held = validationBatches(tokens, { batch: 4, sequence: 8 }, 99);
    const starts = held.flatMap(({ ids: own }) => [0, 1, 2, 3].map((row) => Number(own!.data[8 * row])));
    expect(new Set(starts).size).toBe(starts.length);
    expect(Math.max(...starts)).toBeGreaterThan(450);
  });

  test('of tokens (.bin) are read as they are', async () => {
    const tokens = Uint16Array.from({ length: 800 }, (_, i) => (i * 7) % 300);
    const bytes = new Uint8Array(tokens.buffer);
    const context = fresh();
    context.bytes = async function* () {
      yield bytes.subarray(0, 333);
      yield bytes.subarray(333);
    };
    await scanned({ data: 'tokens.bin', sizes: '1x8', arms: 'base', steps: 10 }, context);
    expect(context.written.get('runs.csv')!.split('\n')[1]).toContain(`1x8,1,8,${2 * 300 * 8 + 12 * 64 + 3 * 8},`);
  });
});
