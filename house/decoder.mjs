/** What making a decoder of the house needs of the machine: the training with its checkpoint, the gate, the folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { saveHuggingFace } from '../packages/models/dist/node/index.js';
import { createRuntime } from '../packages/runtime/dist/node/index.js';
import {
  decoderTensors,
  gateTexts,
  lookAtDecoder,
  stretchesOf,
  trainDecoder,
} from '../packages/training/dist/house/decoder.js';
import { loadCheckpoint, saveCheckpoint } from '../packages/training/dist/node/index.js';

/** --steps, --seed, --out and --resume of a recipe's command line; the folder is that of the house unless another is named. */
export function optionsOf(name, steps) {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: String(steps) },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: fileURLToPath(new URL(name, import.meta.url)) },
      resume: { type: 'boolean', default: false },
    },
  });
  return { ...values, steps: Number(values.steps), seed: Number(values.seed) };
}

/**
 * Trains, looks every 100 steps and at the end, and writes `model` (fp16, with the tokenizer) and `report.json` into the folder; a checkpoint,
 * `last.safetensors`, every 100 steps.
 * @param recipe a decoder's
 * @param material what it learns from, and `held` what it does not
 * @param lengths of the texts that it is looked at with
 * @param tokenizer what is saved beside the weights
 * @param failing what the gate has against the measured values, as a sentence; undefined where they pass
 */
export async function makeDecoder({ recipe, material, held, lengths, tokenizer, failing, ...options }) {
  const { steps, seed, out, resume } = options;
  const { config } = recipe;
  const checkpoint = join(out, 'last.safetensors');
  await mkdir(out, { recursive: true });
  const runtime = createRuntime({ threads: 2 });
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);

  /** By length: the share of passkeys that are said right, and nats a token of prose, one stretch after the other. */
  async function measured(weightsOf, { passkeys, stretches }) {
    const look = await lookAtDecoder(runtime, config, weightsOf);
    try {
      const values = {};
      for (const length of lengths)
        values[length] = {
          passkeys: await look.recall(gateTexts(held, { seed: 99, length, count: passkeys })),
          nats: await look.nats(stretchesOf(held, length).slice(0, stretches)),
        };
      return values;
    } finally {
      look.release();
    }
  }

  const { end, weights } = await trainDecoder(runtime, recipe, {
    material,
    seed,
    steps,
    ...(resume ? { load: (step) => loadCheckpoint(checkpoint, step) } : {}),
    checkpoint: { every: 100, save: (step, position) => saveCheckpoint(checkpoint, step, position) },
    evaluation: {
      every: 100,
      measure: async (step) => {
        const weightOf = (name) => step.tensors.get(`weight.${name}`);
        const values = await measured(() => weightOf, { passkeys: 20, stretches: 8 });
        return Object.fromEntries(
          Object.entries(values).flatMap(([length, { passkeys, nats }]) => [
            [`passkeys at ${length}`, passkeys],
            [`nats at ${length}`, nats],
          ]),
        );
      },
    },
    onEvent(event) {
      if (event.type === 'evaluation')
        console.log(`step ${event.step}: ${JSON.stringify(event.values)}, ${seconds()} s`);
      if (event.type === 'step' && event.step % 10 === 0)
        console.log(
          `step ${event.step}: loss ${event.loss.toFixed(3)}, norm ${event.gradientNorm.toFixed(2)}, ${Math.round(event.tokensPerSecond)} tokens/s, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
        );
    },
  });
  if (end !== 'done') throw new Error(`The training ended early: ${end}.`);
  const gates = await measured(() => (name) => weights.get(name), { passkeys: 100 });
  await saveHuggingFace({ config, tensors: decoderTensors(config, weights).values(), tokenizer }, join(out, 'model'), {
    dtype: 'fp16',
    overwrite: true,
  });
  const report = { steps, seed, gates, node: process.version };
  await writeFile(join(out, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(JSON.stringify(report));
  runtime.close();
  const against = failing(gates);
  if (against) {
    console.error(against);
    process.exitCode = 1;
  }
}
