/** Which weights change: all, some, an adapter's; and models from scratch. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dequantise, quantise } from '@working-papers/models';
import { openModel, saveHuggingFace } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { openAdaptedModel } from '../node/adapters/open-adapted-model.ts';
import { fineTune } from '../node/tasks/fine-tune.ts';
import { newModelFrom } from '../node/tasks/new-model-from.ts';
import { openForTraining } from '../node/tasks/open-for-training.ts';
import { circleRows, smallBert, smallLlama, topicRows } from '../testing/small-models.ts';
import { causalTask } from './causal.ts';
import { classificationTask } from './classification.ts';
import { newModel } from './new-model.ts';
import type { TrainableModel } from './trainable-model.ts';
import { Training } from './training.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'trained-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

const savedAs = async (name: string, model: TrainableModel) => {
  const path = join(folder, name);
  await saveHuggingFace({ ...model, tensors: model.tensors.values() }, path);
  return path;
};
const logitsOf = async (model: Awaited<ReturnType<typeof openModel>>) => {
  if (model.kind !== 'decoder') throw new Error('It is no decoder.');
  const { logits } = await model.logits([5, 17, 30, 61, 9]);
  model.close();
  return logits;
};
const distance = (one: Float32Array, other: Float32Array) =>
  Math.max(...one.map((value, place) => Math.abs(value - other[place]!)));
const rows = circleRows(128, { words: 40 });

describe('a LoRA', () => {
  test('learns beside weights that stay; the adapter and the merged model are the same', async () => {
    const base = await savedAs('llama', smallLlama());
    const task = await causalTask(await openForTraining(base), rows, { length: 32, evaluationShare: 0.1 });
    const out = join(folder, 'lora');
    const settings = { epochs: 8, rate: 2e-2, trains: { lora: { r: 4, alpha: 8 } }, runtime };
    const before = await Training.compile(runtime, task, settings);
    expect(before.step.parameters.every(({ name }) => /lora_[AB]/.test(name))).toBe(true);
    const { loss } = await before.evaluate();
    const { evaluation } = await fineTune(task, { ...settings, out });
    expect(evaluation!.loss).toBeLessThan(loss! / 2);
    const [merged, adapted, plain] = [
      await logitsOf(await openModel(out)),
      await logitsOf(await openAdaptedModel(base, join(out, 'adapter'))),
      await logitsOf(await openModel(base)),
    ];
    expect(distance(merged, adapted)).toBeLessThan(1e-4);
    expect(distance(merged, plain)).toBeGreaterThan(0.5);
    const { base_model_name_or_path } = JSON.parse(await readFile(join(out, 'adapter', 'adapter_config.json'), 'utf8'));
    expect(base_model_name_or_path).toBe(base);
  });

  test('trains a new head whole', async () => {
    const task = await classificationTask(smallBert(), topicRows(96), { batch: 16 });
    const training = await Training.compile(runtime, task, { steps: 1, trains: { lora: { r: 2 } } });
    const whole = training.step.parameters.map(({ name }) => name).filter((name) => !name.includes('lora_'));
    expect(whole.sort()).toEqual([
      'bert.pooler.dense.bias',
      'bert.pooler.dense.weight',
      'classifier.bias',
      'classifier.weight',
    ]);
    training.release();
  });
});

describe('a pattern', () => {
  test('trains the weights that it is found in and new ones; the others are saved as they were', async () => {
    const model = smallBert();
    const task = await classificationTask(model, topicRows(96), { batch: 16 });
    const out = join(folder, 'some');
    await fineTune(task, { steps: 3, rate: 1e-2, trains: /layer\.1\./, out, runtime });
    const saved = await openForTraining(out);
    const same = [...saved.tensors].filter(([name, tensor]) => {
      const before = model.tensors.get(name.replace(/^bert\./, ''));
      return before && Buffer.compare(tensor.bytesSync(), before.bytesSync()) === 0;
    });
    expect(same.map(([name]) => name).sort()).toEqual(
      [...saved.tensors.keys()].filter((name) => !/layer\.1\.|classifier|pooler/.test(name)).sort(),
    );
    await expect(
      Training.compile(runtime, await causalTask(smallLlama(), rows), { steps: 1, trains: /nothing/ }),
    ).rejects.toThrow(/^No weight of small-llama matches \/nothing\/\. Its weights are called .* and the like\.$/);
  });
});

describe('quantised weights', () => {
  const { tensors, ...others } = smallLlama();
  const blocks = new Map(
    [...tensors].map(([name, tensor]) => {
      if (tensor.shape.length < 2) return [name, tensor];
      const bytes = quantise('Q8_0', dequantise(tensor.type, tensor.bytesSync(), tensor.count));
      const own = {
        ...tensor,
        type: 'Q8_0' as const,
        byteLength: bytes.length,
        bytes: async () => bytes,
        bytesSync: () => bytes,
      };
      return [name, own];
    }),
  );
  const quantised: TrainableModel = { ...others, tensors: blocks };

  test('are not trained themselves, which is said', async () => {
    const task = await causalTask(quantised, rows, { length: 32 });
    await expect(Training.compile(runtime, task, { steps: 1 })).rejects.toThrow(
      'The weights of small-llama are quantised (Q8_0), and small steps are lost in so few bits. Train a LoRA beside them (lora), or let them be made floats first (dequantise).',
    );
  });

  test('bear a LoRA, whose adapter is saved alone', async () => {
    const task = await causalTask(quantised, rows, { length: 32 });
    const out = join(folder, 'beside-blocks');
    const { notes } = await fineTune(task, { steps: 2, trains: { lora: { r: 2 } }, out, runtime });
    expect(notes).toEqual([expect.stringMatching(/^The adapter is saved alone/)]);
    await expect(readFile(join(out, 'adapter', 'adapter_model.safetensors'))).resolves.toBeDefined();
    await expect(readFile(join(out, 'model.safetensors'))).rejects.toThrow('ENOENT');
  });
});

describe('from scratch', () => {
  test('a folder with a configuration and a tokenizer is enough; a seed gives the same weights', async () => {
    const given = await savedAs('whole', smallLlama());
    const bare = join(folder, 'bare');
    await cp(given, bare, { recursive: true });
    await rm(join(bare, 'model.safetensors'));
    const model = await newModelFrom(bare, 3);
    const bytes = (of: TrainableModel) => Buffer.concat([...of.tensors.values()].map((tensor) => tensor.bytesSync()));
    expect(bytes(await newModelFrom(bare, 3)).equals(bytes(model))).toBe(true);
    expect(bytes(await newModelFrom(bare, 4)).equals(bytes(model))).toBe(false);
    const table = new Float32Array(model.tensors.get('model.embed_tokens.weight')!.bytesSync().slice().buffer);
    const deviation = Math.sqrt(table.reduce((sum, value) => sum + value ** 2, 0) / table.length);
    expect(deviation).toBeCloseTo(0.02, 3);

    const task = await causalTask(model, rows, { length: 32, evaluationShare: 0.1 });
    const fresh = await Training.compile(runtime, task, { epochs: 6 });
    expect(fresh.settings.rate).toBe(1e-3);
    const before = await fresh.evaluate();
    expect(before.loss).toBeCloseTo(Math.log(96), 0);
    const out = join(folder, 'scratch');
    const { evaluation } = await fineTune(task, { epochs: 6, rate: 5e-3, out, runtime });
    expect(evaluation!.loss).toBeLessThan(0.5);
    expect((await openModel(out, { runtime })).kind).toBe('decoder');
    await writeFile(join(bare, 'config.json'), JSON.stringify({ ...model.config, model_type: 't5' }));
    await expect(newModelFrom(bare)).rejects.toThrow(/cannot begin from scratch here|t5/);
  });

  test('an encoder with a head that it is trained for', async () => {
    const { config, tokenizer } = smallBert();
    const model = newModel({ config, tokenizer, reference: 'new-bert' }, 1);
    const task = await classificationTask(model, topicRows(48), { batch: 16 });
    expect(task.model.fresh!.size).toBe(task.model.tensors.size);
  });
});
