/**
 * Where a step's time goes: node bench/training/profile.mjs TASK [--steps 5] [--nodes 12]
 * Milliseconds a step by kind of node, and the slowest nodes, by ONNX Runtime's own trace; two steps warm up and are not counted.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { open } from './steps.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: 'string', default: '5' }, nodes: { type: 'string', default: '12' } },
});
const [steps, warm] = [Number(values.steps), 2];
const folder = mkdtempSync(join(tmpdir(), 'profile-'));
const { step, batch, close } = await open(positionals[0], { profile: join(folder, 'step') });
for (let i = 0; i < warm + steps; i++) await step.run(batch());
step.release();
const trace = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), 'utf8'));
rmSync(folder, { recursive: true });
const runs = trace.filter(({ name, cat }) => cat === 'Session' && name === 'model_run').slice(warm);
const began = runs[0].ts;
const kernels = trace.filter(({ cat, name, ts }) => cat === 'Node' && name.endsWith('_kernel_time') && ts >= began);
const sums = (keyOf) => {
  const found = new Map();
  for (const event of kernels) {
    const key = keyOf(event);
    const { time, count } = found.get(key) ?? { time: 0, count: 0 };
    found.set(key, { time: time + event.dur, count: count + 1 });
  }
  return [...found].sort(([, a], [, b]) => b.time - a.time);
};
const line = ([name, { time, count }]) =>
  `${(time / 1000 / steps).toFixed(2).padStart(9)} ms  ${String(Math.round(count / steps)).padStart(5)} x  ${name}`;
const whole = runs.reduce((sum, { dur }) => sum + dur, 0) / 1000 / steps;
console.log(`${whole.toFixed(1)} ms a step`);
for (const entry of sums(({ args }) => args.op_name)) console.log(line(entry));
console.log('');
const shapeOf = (list) => list.map((shape) => Object.values(shape)[0].join('x')).join(', ');
const nodes = sums(
  ({ args }) => `${args.op_name} ${shapeOf(args.input_type_shape)} -> ${shapeOf(args.output_type_shape)}`,
);
for (const entry of nodes.slice(0, Number(values.nodes))) console.log(line(entry));
close();
