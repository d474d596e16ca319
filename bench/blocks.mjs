/**
 * Why types with a scale for 16 weights are held in bytes (packages/models/src/weights/blocks.ts): one row by 2048 x 2048 weights in
 * blocks of each kind, 200 runs each in turn, two threads, the median. `node bench/blocks.mjs`
 */
import { initializer, input, matMulNBits } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';

const size = 2048;
const runtime = createRuntime({ threads: 2 });
const kinds = [];
for (const blockSize of [16, 32]) {
  for (const bits of [4, 8]) {
    const blocks = size / blockSize;
    const width = (blockSize * bits) / 8;
    const values = initializer(
      'values',
      'uint8',
      [size, blocks, width],
      new Uint8Array(size * blocks * width).map((_, i) => i * 37),
    );
    const scales = initializer(
      'scales',
      'float32',
      [size, blocks],
      new Uint8Array(new Float32Array(size * blocks).fill(0.01).buffer),
    );
    const y = matMulNBits(input('x', 'float32', [1, size]), values, scales, {
      inFeatures: size,
      outFeatures: size,
      bits,
      blockSize,
      accuracyLevel: 4,
    });
    const program = await runtime.compile({ y });
    const call = program.bind(
      { x: runtime.tensor('float32', [1, size], new Float32Array(size).fill(0.5)) },
      { y: runtime.tensor('float32', [1, size]) },
    );
    kinds.push({ name: `${bits} bits, blocks of ${blockSize}`, call, times: [] });
  }
}
for (let round = 0; round < 210; round++) {
  for (const { call, times } of kinds) {
    const started = performance.now();
    call.runSync();
    if (round >= 10) times.push(performance.now() - started);
  }
}
for (const { name, times } of kinds) console.log(`${name}: ${times.sort((a, b) => a - b)[100].toFixed(3)} ms`);
runtime.close();
