/**
 * What a step of a GPT takes by the ways of saving memory and of drawing, each in a process of its own, two threads:
 *   node bench/training/ways.mjs [--layers 12] [--steps 5] [--rounds 1]
 * Prints a Markdown table: seconds of a step (median), the most memory held above what the process held before its first step, and the
 * bytes that the graph says its backward pass keeps. The shape is that of the task `gpt`, with that many layers.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gradient, input, slice, tapeOf } from '../../packages/graph/dist/index.js';
import {
  architectureOf,
  checkConfig,
  gpt2Shapes,
  seededUniform,
  trainingAttention,
  weightSource,
} from '../../packages/models/dist/index.js';
import { createRuntime, residentBytes, watchPeak } from '../../packages/runtime/dist/node/index.js';
import {
  adamW,
  attentionSegments,
  blockSegments,
  collectActivations,
  crossEntropy,
  dropoutTap,
  StepRandom,
  TrainingStep,
  trainableWeights,
} from '../../packages/training/dist/index.js';
import { tasks } from './tasks.mjs';

const { values } = parseArgs({
  options: {
    layers: { type: 'string', default: '12' },
    steps: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '1' },
    way: { type: 'string' },
  },
});
const residual = { embedding: 0.1, 'attention.output': 0.1, 'mlp.output': 0.1 };
const ways = {
  'all kept': {},
  'blocks computed again': { segments: blockSegments },
  'attention computed again': { segments: attentionSegments },
  'dropout of 0.1 of the stream': { rates: residual },
  'dropout, of probabilities too': { rates: { ...residual, 'attention.probabilities': 0.1 } },
  'four batches of a quarter': { parts: 4 },
};

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function measure({ segments, rates, parts = 1 }) {
  const { hidden, heads, vocabulary, length, rows } = tasks.gpt;
  const config = checkConfig(
    {
      model_type: 'gpt2',
      vocab_size: vocabulary,
      n_embd: hidden,
      n_layer: Number(values.layers),
      n_head: heads,
      n_positions: length,
    },
    'GPT',
  );
  const uniform = seededUniform(1);
  const initial = ({ name, shape }) =>
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () =>
      shape.length > 1 ? (uniform() - 0.5) * 0.07 : Number(/ln_.*weight$/.test(name)),
    );
  const described = [...gpt2Shapes(config)].map(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return [name, { name, shape, type: 'F32', count, byteLength: 4 * count }];
  });
  const weights = trainableWeights(weightSource(new Map(described), 'fp32'));
  const random = new StepRandom(1);
  const { tap, activations } = collectActivations(rates ? { change: dropoutTap(random, rates) } : {});
  const ids = input('ids', 'int64', [rows / parts, length + 1]);
  const { logits } = architectureOf(config).forward(
    config,
    weights,
    { ids: slice(ids, 1, 0, length) },
    { tap, parts: { attention: trainingAttention() } },
  );
  const loss = crossEntropy(logits, slice(ids, 1, 1));
  const { parameters } = weights;
  const recompute = segments?.(activations) ?? [];
  const kept = tapeOf(
    loss,
    gradient(
      loss,
      parameters.map(({ tensor }) => tensor),
      { recompute },
    ),
  ).bytes;
  const runtime = createRuntime({ threads: 2 });
  const step = await TrainingStep.compile(
    runtime,
    { loss, parameters, optimiser: adamW({ rate: 1e-4 }), recompute, random },
    { initial, accumulate: parts > 1 },
  );
  const batch = () => ({
    ids: {
      dtype: 'int64',
      shape: [rows / parts, length + 1],
      data: BigInt64Array.from({ length: (rows / parts) * (length + 1) }, () =>
        BigInt(Math.floor(uniform() * vocabulary)),
      ),
    },
  });
  const before = residentBytes();
  const peak = watchPeak();
  const seconds = [];
  for (let i = 0; i <= Number(values.steps); i++) {
    const batches = Array.from({ length: parts }, batch);
    const began = performance.now();
    await step.run(batches);
    if (i > 0) seconds.push((performance.now() - began) / 1000);
  }
  const held = peak.stop() - before;
  step.release();
  runtime.close();
  return { seconds: median(seconds), held, kept };
}

if (values.way) console.log(JSON.stringify(await measure(ways[values.way])));
else {
  const script = fileURLToPath(import.meta.url);
  const found = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const way of Object.keys(ways)) {
      const args = [script, '--way', way, '--layers', values.layers, '--steps', values.steps];
      found[way].push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
    }
  }
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores ${cpus()[0].model.trim()}, ${values.layers} layers\n`,
  );
  console.log('| way | seconds a step | memory above the beginning, MB | kept by the graph, MB |');
  console.log('| --- | --- | --- | --- |');
  for (const [way, results] of Object.entries(found)) {
    const of = (name) => median(results.map((result) => result[name]));
    console.log(
      `| ${way} | ${of('seconds').toFixed(2)} | ${(of('held') / 1e6).toFixed(0)} | ${(of('kept') / 1e6).toFixed(0)} |`,
    );
  }
}
