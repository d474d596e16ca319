/** Shapes of students, and what is refused. */
import { checkConfig, type ModelConfig, weightSource } from '@working-papers/models';
import { randomBert, tinyBert, tinyLlama } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, it } from 'vitest';
import { assistantShape } from './distill.ts';
import { bertBase, tableShapes } from './stages/shapes.ts';
import {
  checkTeacher,
  countParameters,
  layerWeights,
  parseShape,
  randomWeights,
  studentConfig,
  takenLayers,
  valuesOf,
} from './student.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const minilm = { ...bertBase, hidden_size: 384, intermediate_size: 1536, num_hidden_layers: 6 } as ModelConfig;

describe('a student', () => {
  it.each(tableShapes)(
    'of $layers layers x $hidden has the paper’s parameters: $millions M',
    ({ millions, ...shape }) => {
      const { transformer, embeddings } = countParameters(studentConfig(bertBase, shape));
      expect((transformer / 1e6).toFixed(1)).toBe(millions);
      // 12 h^2 a layer, and 13 h of biases and norms.
      expect(transformer).toBe(shape.layers * (12 * shape.hidden ** 2 + 13 * shape.hidden));
      expect((embeddings / 1e6).toFixed(1)).toBe(shape.hidden === 768 ? '23.4' : '11.7');
    },
  );

  it('keeps what it must have of its teacher', () => {
    const config = studentConfig(
      { ...minilm, architectures: ['BertForMaskedLM'], id2label: { 0: 'a' } } as ModelConfig,
      { layers: 3, hidden: 192 },
    );
    expect(config).toMatchObject({
      model_type: 'bert',
      architectures: ['BertModel'],
      vocab_size: 30_522,
      num_attention_heads: 12,
      hidden_size: 192,
      intermediate_size: 768,
      num_hidden_layers: 3,
    });
    expect(config.id2label).toBeUndefined();
    expect(() => checkConfig(config, 'student')).not.toThrow();
  });

  it('is refused with the nearest widths, and with the way out where heads differ', () => {
    expect(() => studentConfig(minilm, { layers: 3, hidden: 370 })).toThrow(
      'hidden must be a multiple of 12 (teacher heads); got 370. Nearest: 360, 372.',
    );
    expect(() => studentConfig(minilm, { layers: 3, hidden: 5 })).toThrow(/Nearest: 12\./);
    expect(() => studentConfig(minilm, { layers: 3, hidden: 384, heads: 6 })).toThrow(
      /6 heads and the teacher has 12.*relationHeads/,
    );
    expect(studentConfig(minilm, { layers: 3, hidden: 96, heads: 6 }, 24).num_attention_heads).toBe(6);
    expect(() => studentConfig(minilm, { layers: 3, hidden: 384 }, 7)).toThrow(/multiple of 7/);
    expect(() => studentConfig(minilm, { layers: 3, hidden: 60 }, 5)).toThrow(/384 cannot be cut into 5/);
  });

  it('of a decoder keeps both numbers of heads and pairs of features', () => {
    const config = studentConfig(tinyLlama, { layers: 1, hidden: 32 });
    expect(config).toMatchObject({ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8, hidden_size: 32 });
    expect(() => studentConfig(tinyLlama, { layers: 1, hidden: 36 })).toThrow(/multiple of 8 \(twice its heads\)/);
  });

  it('has no teacher of another family', () => {
    expect(() => checkTeacher({ ...tinyBert, model_type: 'albert' }, 'hf:a/b')).toThrow(/is of type 'albert'/);
    expect(() => checkTeacher({ ...tinyLlama, model_type: 'gpt2' } as ModelConfig, 'hf:a/b')).toThrow(/or llama/);
    expect(() => checkTeacher(tinyBert, 'x')).not.toThrow();
  });

  it('begins at N(0, 0.02), norms at 1 and biases at 0, the same for a seed', () => {
    const weights = randomWeights(studentConfig(tinyBert, { layers: 2, hidden: 64 }), 3);
    const table = weights.get('embeddings.word_embeddings.weight')!;
    const deviation = Math.sqrt(table.reduce((sum, x) => sum + x * x, 0) / table.length);
    expect(deviation).toBeGreaterThan(0.0195);
    expect(deviation).toBeLessThan(0.0205);
    expect(new Set(weights.get('encoder.layer.0.output.LayerNorm.weight'))).toEqual(new Set([1]));
    expect(new Set(weights.get('encoder.layer.1.output.LayerNorm.bias'))).toEqual(new Set([0]));
    const again = randomWeights(studentConfig(tinyBert, { layers: 2, hidden: 64 }), 3);
    expect(again.get('encoder.layer.1.output.dense.weight')).toEqual(
      weights.get('encoder.layer.1.output.dense.weight'),
    );
  });

  it('may take every second layer of its teacher, the last among them', async () => {
    expect(takenLayers(6, 3)).toEqual([1, 3, 5]);
    expect(takenLayers(12, 4)).toEqual([2, 5, 8, 11]);
    expect(takenLayers(5, 2)).toEqual([1, 4]);
    const tensors = randomBert({ ...tinyBert, num_hidden_layers: 4 });
    const teacher = { config: { ...tinyBert, num_hidden_layers: 4 }, weights: weightSource(tensors, 'fp32') };
    const config = studentConfig(teacher.config, { layers: 2, hidden: 64 });
    const values = await layerWeights(teacher, config, { runtime, seed: 1, taken: [1, 3] });
    const of = (name: string) => valuesOf(tensors.get(name)!);
    expect(values.get('encoder.layer.0.output.dense.weight')).toEqual(of('encoder.layer.1.output.dense.weight'));
    expect(values.get('encoder.layer.1.attention.self.key.bias')).toEqual(
      of('encoder.layer.3.attention.self.key.bias'),
    );
    expect(values.get('embeddings.word_embeddings.weight')).toEqual(of('embeddings.word_embeddings.weight'));
    const narrow = studentConfig(teacher.config, { layers: 2, hidden: 32 });
    await expect(layerWeights(teacher, narrow, { runtime, seed: 1, taken: [1, 3] })).rejects.toThrow(/hidden 64/);
  });
});

describe('the assistant', () => {
  it('stands between where the student has at most half of both', () => {
    expect(assistantShape(minilm, { layers: 3, hidden: 192 })).toEqual({ layers: 6, hidden: 192, heads: 12 });
    expect(assistantShape(minilm, { layers: 3, hidden: 384 })).toBeUndefined();
    expect(assistantShape(minilm, { layers: 4, hidden: 192 })).toBeUndefined();
    expect(assistantShape(minilm, { layers: 3, hidden: 192 }, 'none')).toBeUndefined();
    expect(assistantShape(minilm, { layers: 3, hidden: 384 }, '6x240')).toEqual({ layers: 6, hidden: 240 });
  });

  it('is asked for as layers x width', () => {
    expect(parseShape('6x192')).toEqual({ layers: 6, hidden: 192 });
    expect(() => parseShape('6 by 192')).toThrow(/layers x width, such as 6x192/);
  });
});
