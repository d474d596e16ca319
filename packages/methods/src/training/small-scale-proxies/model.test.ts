/** The model's parts against what must be true of them. */
import { constant, gradient, input, type Tensor } from '@working-papers/graph';
import { checkConfig, weightSource } from '@working-papers/models';
import { weightOf } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { crossEntropy, logSumExp, scratchWeights, TrainingStep, watchTraining, zLoss } from '@working-papers/training';
import { afterAll, describe, expect, test } from 'vitest';
import { armOf } from './arms.ts';
import { configProxy, initialValue, logitsOf, paperProxy, parametersOf, shapesOf } from './model.ts';
import { knobsOf, optimiserOf } from './recipe.ts';
import { trainingBatch } from './text.ts';

const runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());
const shape = { headDim: 8, vocabulary: 20, sequence: 16 };
const proxy = paperProxy('2x16', shape);

/** Weights as a run of this seed begins, some of them changed. */
function weightsOf(arm: ReturnType<typeof armOf>, change: (name: string, values: Float32Array) => Float32Array) {
  return weightSource(
    new Map(
      [...shapesOf(proxy, arm)].map(([name, sizes]) => {
        const values = initialValue(proxy, name, sizes, { seed: 3 });
        return [name, weightOf(name, sizes, change(name, values))];
      }),
    ),
    'fp32',
  );
}

/** Attention scores and probabilities of the first layer on one batch. */
async function attentionOf(arm: ReturnType<typeof armOf>, factor: number) {
  const weights = weightsOf(arm, (name, values) =>
    name.endsWith('layers.0.self_attn.q_proj.weight') ? values.map((value) => value * factor) : values,
  );
  const seen: Record<string, Tensor> = {};
  const ids = constant(
    BigInt64Array.from({ length: 16 }, (_, i) => BigInt((7 * i) % 20)),
    'int64',
    [1, 16],
  );
  logitsOf(proxy, arm, weights, ids, {
    tap: (name, tensor) => {
      if (/^blocks\.0\.attention\.(scores|probabilities)$/.test(name)) seen[name.split('.')[3]!] = tensor;
    },
  });
  const program = await runtime.compile(seen);
  const out = await program.run({});
  program.release();
  const scores = Array.from(out.scores!.data as Float32Array).filter((score) => score > -1e29);
  return { scores, probabilities: Array.from(out.probabilities!.data as Float32Array) };
}

describe('qk-layernorm', () => {
  test('makes attention blind to the size of its queries, and holds |z| below sqrt(d_h)', async () => {
    const [once, tenfold] = [await attentionOf(armOf('qk-norm'), 1), await attentionOf(armOf('qk-norm'), 10)];
    for (const [i, value] of once.probabilities.entries()) expect(tenfold.probabilities[i]).toBeCloseTo(value, 3);
    for (const score of [...once.scores, ...tenfold.scores])
      expect(Math.abs(score)).toBeLessThanOrEqual(Math.sqrt(8) * (1 + 1e-5));
    // It reaches that bound nearly: a token that asks for itself.
    expect(Math.max(...tenfold.scores.map(Math.abs))).toBeGreaterThan(1);
  });

  test('without it, logits grow with the queries', async () => {
    const [once, tenfold] = [await attentionOf(armOf('base'), 1), await attentionOf(armOf('base'), 10)];
    for (const [i, value] of once.scores.entries()) expect(tenfold.scores[i]).toBeCloseTo(10 * value, 3);
  });
});

describe('z-loss', () => {
  async function at(logits: readonly number[]) {
    const given = input('logits', 'float32', [1, logits.length]);
    const loss = zLoss(given);
    const labels = constant(BigInt64Array.of(0n), 'int64', [1]);
    const program = await runtime.compile({
      loss,
      gradient: gradient(loss, [given])[0]!,
      logZ: logSumExp(given),
      entropy: crossEntropy(given, labels),
    });
    const out = await program.run({
      logits: { dtype: 'float32', shape: [1, logits.length], data: Float32Array.from(logits) },
    });
    program.release();
    return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data as Float32Array)]));
  }

  test('of two equal logits: log Z = ln 2, 0.480453, gradient 0.693147 each', async () => {
    const { loss, gradient: g, logZ } = await at([0, 0]);
    expect(logZ![0]).toBeCloseTo(Math.LN2, 6);
    expect(loss![0]).toBeCloseTo(0.480453, 5);
    for (const value of g!) expect(value).toBeCloseTo(Math.LN2, 5);
  });

  test('shifted logits keep their cross-entropy and move log Z by as much; finite differences agree', async () => {
    const logits = [0.5, -1.25, 2, 0.75];
    const [here, shifted] = [await at(logits), await at(logits.map((value) => value + 3))];
    expect(shifted.entropy![0]).toBeCloseTo(here.entropy![0]!, 6);
    expect(shifted.logZ![0]! - here.logZ![0]!).toBeCloseTo(3, 5);
    const step = 1e-2;
    for (const i of logits.keys()) {
      const moved = (by: number) => at(logits.map((value, j) => (i === j ? value + by : value)));
      const slope = ((await moved(step)).loss![0]! - (await moved(-step)).loss![0]!) / (2 * step);
      expect(here.gradient![i]).toBeCloseTo(slope, 2);
    }
  });
});

/** Weights after some steps of a run. */
async function trained(
  arm: ReturnType<typeof armOf>,
  { watched = false, mup, scale }: { watched?: boolean; mup?: { baseWidth: number }; scale?: number },
) {
  const weights = scratchWeights(shapesOf(proxy, arm));
  const [ids, labels] = ['ids', 'labels'].map((name) => input(name, 'int64', [2, 16])) as [Tensor, Tensor];
  const watch = watchTraining();
  const logits = logitsOf(proxy, { qkNorm: arm.qkNorm, mup: mup !== undefined }, weights, ids, {
    ...(watched ? { tap: watch.tap } : {}),
    ...(scale === undefined ? {} : { scale }),
  });
  const knobs = knobsOf(arm, 3e-2, { steps: 12, warmUp: 2 });
  const graph = {
    loss: crossEntropy(logits, labels),
    parameters: weights.parameters,
    optimiser: optimiserOf(proxy, () => knobs, mup),
  };
  const step = await TrainingStep.compile(runtime, watched ? watch.graph(graph) : graph, {
    initial: ({ name, shape: sizes }) => initialValue(proxy, name, sizes, { seed: 5, mup }),
    threads: 1,
  });
  const tokens = Uint16Array.from({ length: 400 }, (_, i) => (i * i + 3 * i) % 20);
  const metrics: Record<string, number>[] = [];
  for (let i = 0; i < 12; i++) {
    const batch = trainingBatch(tokens, { batch: 2, sequence: 16 }, { seed: 5, step: i });
    metrics.push({ ...(await (watched && i % 3 === 0 ? step.watch(batch) : step.run(batch))).metrics });
  }
  const values = new Map(step.parameters.map(({ name }) => [name, Array.from(step.weight(name))]));
  step.release();
  return { values, metrics };
}

test.each(['base', 'qk-norm'])(
  'telemetry is passive: weights are the same to the bit with and without (%s)',
  async (name) => {
    const [bare, watched] = [await trained(armOf(name), {}), await trained(armOf(name), { watched: true })];
    expect(watched.values).toEqual(bare.values);
    expect(Object.keys(watched.metrics[3]!).length).toBeGreaterThan(20);
    expect(watched.metrics[4]).toEqual({});
  },
);

describe('muParam', () => {
  test('at the base width is the standard recipe, apart from the scale of attention', async () => {
    const standard = await trained(armOf('base'), {});
    const same = await trained(armOf('base'), { mup: { baseWidth: 16 }, scale: 1 / Math.sqrt(8) });
    expect(same.values).toEqual(standard.values);
    const scaled = await trained(armOf('base'), { mup: { baseWidth: 16 } });
    expect(scaled.values).not.toEqual(standard.values);
  });

  test('at twice the base width halves the deviation of the head once more', () => {
    const [name, sizes] = ['lm_head.weight', [20, 16]] as const;
    const usual = initialValue(proxy, name, sizes, { seed: 1 });
    const mup = initialValue(proxy, name, sizes, { seed: 1, mup: { baseWidth: 8 } });
    for (const [i, value] of usual.entries()) expect(mup[i]).toBeCloseTo(value * Math.sqrt(0.5), 6);
  });
});

describe('models', () => {
  test('begin by seed and name alone, with variance 1 / fan_in', () => {
    const big = paperProxy('1x256', { headDim: 32, vocabulary: 20, sequence: 16 });
    const name = 'model.layers.0.mlp.down_proj.weight';
    const sizes = shapesOf(big, { qkNorm: false }).get(name)!;
    const values = initialValue(big, name, sizes, { seed: 1 });
    expect(sizes).toEqual([256, 1024]);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * 1024).toBeCloseTo(1, 1);
    expect(initialValue(big, name, sizes, { seed: 1 })).toEqual(values);
    expect(initialValue(big, name, sizes, { seed: 2 })).not.toEqual(values);
    expect(initialValue(big, 'model.norm.weight', [256], { seed: 1 })).toEqual(new Float32Array(256).fill(1));
  });

  test('have the parameters that arithmetic gives', () => {
    // Embedding and head, and a layer of 12 w^2 + 2 w, and the last norm.
    expect(parametersOf(proxy)).toBe(2 * 20 * 16 + 2 * (12 * 16 * 16 + 2 * 16) + 16);
    expect(shapesOf(proxy, { qkNorm: true }).get('model.layers.1.self_attn.k_norm.weight')).toEqual([8]);
  });

  const gpt2 = checkConfig(
    {
      model_type: 'gpt2',
      vocab_size: 50257,
      n_embd: 32,
      n_layer: 2,
      n_head: 4,
      n_positions: 64,
    },
    'gpt2',
  );

  test('of a configuration keep its proportions at another size', () => {
    const bigger = configProxy(gpt2, '3x48', shape);
    expect(bigger.config).toMatchObject({
      hidden_size: 48,
      num_hidden_layers: 3,
      num_attention_heads: 6,
      vocab_size: 20,
    });
    expect(bigger.config.intermediate_size).toBe(4 * 48);
    expect(configProxy(gpt2, undefined, shape).size).toBe('2x32');
    const names = [...shapesOf(bigger, { qkNorm: true }).keys()];
    expect(names).toContain('transformer.h.2.attn.q_norm.weight');
  });

  test('that make no sense are refused', () => {
    expect(() => paperProxy('2x60', shape)).toThrow('Heads of 8 do not divide a width of 60');
    expect(() => paperProxy('64', shape)).toThrow('"64" is no size');
    expect(() => paperProxy('0x64', shape)).toThrow('is no size');
    expect(() => configProxy({ ...gpt2, model_type: 'bert' }, undefined, shape)).toThrow('Llama and GPT-2 families');
  });
});
