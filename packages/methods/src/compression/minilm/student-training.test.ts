/** The loop of a distillation on small random BERTs. */
import { seededUniform, weightSource } from '@working-papers/models';
import { randomBert, tinyBert } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import type { Sequence } from '@working-papers/training';
import { afterAll, describe, expect, it } from 'vitest';
import { relationGoal } from './distill.ts';
import { lossOn } from './held-out.ts';
import { randomWeights, studentConfig, valuesOf } from './student.ts';
import { type Kept, rateOf, type StudentTrainingOptions, trainStudent } from './student-training.ts';

const runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const teacherConfig = { ...tinyBert, num_hidden_layers: 3 };
const teacher = { config: teacherConfig, weights: weightSource(randomBert(teacherConfig, 5), 'fp32') };
const config = studentConfig(teacherConfig, { layers: 2, hidden: 32 });
const initial = randomWeights(config, 1);

const uniform = seededUniform(3);
const texts = Array.from({ length: 72 }, (): Sequence => {
  const length = 6 + Math.floor(10 * uniform());
  return { ids: Array.from({ length }, () => 1 + Math.floor(95 * uniform())) };
});
const data = { sequences: texts.slice(8), heldOut: texts.slice(0, 8) };
const options: StudentTrainingOptions = { steps: 24, batch: 8, seq: 16, seed: 2, rate: 2e-3 };
const make = (changes: Partial<StudentTrainingOptions> = {}) =>
  trainStudent(runtime, relationGoal(teacher), config, initial, data, { ...options, ...changes });
const valuesIn = ({ student }: Awaited<ReturnType<typeof make>>, name: string) => valuesOf(student.tensors.get(name)!);

describe('a distillation', () => {
  it('comes closer to the teacher on held-out text, and leaves what the loss does not depend on', async () => {
    const made = await make();
    const held = made.log.filter(({ heldOut }) => heldOut);
    expect(held[0]!.step).toBe(0);
    expect(held.at(-1)!.step).toBe(24);
    expect(held.at(-1)!.loss).toBeLessThan(0.8 * held[0]!.loss);
    for (const name of ['attention.output.dense.weight', 'intermediate.dense.weight', 'output.LayerNorm.weight'])
      expect(valuesIn(made, `encoder.layer.1.${name}`)).toEqual(initial.get(`encoder.layer.1.${name}`));
    expect(valuesIn(made, 'pooler.dense.weight')).toEqual(initial.get('pooler.dense.weight'));
    expect(valuesIn(made, 'encoder.layer.1.attention.self.value.weight')).not.toEqual(
      initial.get('encoder.layer.1.attention.self.value.weight'),
    );
    // What was logged last is what a look at the finished student gives.
    const again = await lossOn(runtime, relationGoal(teacher), made.student, data.heldOut, options);
    expect(again.loss).toBeCloseTo(made.heldOut.loss, 6);
  });

  it('goes on where it was broken off, to the same bits', async () => {
    const whole = await make();
    let bytes: Uint8Array | undefined;
    const kept: Kept = {
      get: async () => bytes,
      put: async (given) => {
        bytes = given;
      },
      seconds: 0,
    };
    const aborter = new AbortController();
    const broken = make({
      kept,
      signal: aborter.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.step === 11) aborter.abort(new Error('enough'));
      },
    });
    await expect(broken).rejects.toThrow('enough');
    const resumed: number[] = [];
    const rest = await make({
      kept,
      onEvent: (event) => {
        if (event.type === 'resumed') resumed.push(event.step);
      },
    });
    expect(resumed).toHaveLength(1);
    expect(resumed[0]).toBeGreaterThan(8);
    for (const name of ['embeddings.word_embeddings.weight', 'encoder.layer.1.attention.self.query.bias'])
      expect(valuesIn(rest, name)).toEqual(valuesIn(whole, name));
    const lossesOf = ({ log }: typeof whole) => log.map(({ step, heldOut, loss }) => [step, heldOut, loss]);
    expect(lossesOf(rest)).toEqual(lossesOf(whole));
    const steps: number[] = [];
    const again = await make({ kept, onEvent: (event) => event.type === 'step' && steps.push(event.step) });
    expect(steps).toEqual([]);
    expect(valuesIn(again, 'pooler.dense.weight')).toEqual(valuesIn(whole, 'pooler.dense.weight'));
    expect(lossesOf(again)).toEqual(lossesOf(whole));
  });

  it('ends at a loss that is no number, and says so', async () => {
    const made = await make({ rate: 1e30, clip: 1e30, warmup: 0 });
    expect(made.diverged).toBe(true);
  });
});

describe('the rate', () => {
  it('rises in a straight line and falls to 0 in another', () => {
    const rate = rateOf({ steps: 100, rate: 1, warmup: 0.1 });
    expect(rate(0)).toBeCloseTo(1 / 11);
    expect(rate(10)).toBe(1);
    expect(rate(55)).toBeCloseTo(0.5);
    expect(rate(100)).toBe(0);
    expect(rateOf({ steps: 1, rate: 1, warmup: 0.5 })(0)).toBe(1);
  });
});
