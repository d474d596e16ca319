/** Deep self-attention distillation (algorithm of section 3): a small student of any encoder, from unlabelled text alone. */
import type { Model } from '@working-papers/models';
import { weightSource } from '@working-papers/models';
import type { Sequence } from '@working-papers/training';
import { type RelationOptions, relationLoss } from './relations.ts';
import {
  checkTeacher,
  layerWeights,
  parseShape,
  randomWeights,
  type Side,
  type Student,
  type StudentShape,
  studentConfig,
  takenLayers,
} from './student.ts';
import {
  type Goal,
  type Kept,
  type StudentTrainingEvent,
  type StudentTrainingOptions,
  type TrainedStudent,
  trainStudent,
} from './student-training.ts';

/** What a teacher must have; an open model does. */
export type Teacher = Pick<
  Model,
  'config' | 'graphWeights' | 'tokenizer' | 'tokenizerFiles' | 'runtime' | 'reference' | 'sha256'
>;

export interface DistillOptions extends Omit<StudentTrainingOptions, 'padId' | 'kept' | 'onEvent'>, RelationOptions {
  /**
   * A model between: `auto` puts one of the teacher's depth and the student's width there where the student has at most half the layers and
   * half the width (section 3.3), `none` none, `6x192` one of that shape.
   */
  assistant?: string | undefined;
  /** What the student begins as: random numbers, or every (L / M)-th layer of the teacher, where the widths are the same (an extension). */
  init?: 'random' | 'layers' | undefined;
  /** Where each of the trainings is kept, by its name. */
  kept?: ((name: 'assistant' | 'student') => Kept) | undefined;
  onEvent?: ((event: StudentTrainingEvent & { of: 'assistant' | 'student' }) => void) | undefined;
}

/** The student with the account of its making; `assistant` is that of the model between, where there was one. */
export interface DistillResult extends TrainedStudent {
  assistant?: TrainedStudent & { shape: StudentShape };
}

/** The shape of the model between, or nothing. */
export function assistantShape(
  { num_hidden_layers: L, hidden_size: d, num_attention_heads: heads }: Teacher['config'],
  { layers: M, hidden, heads: own }: StudentShape,
  assistant = 'auto',
): StudentShape | undefined {
  if (assistant === 'none') return undefined;
  if (assistant === 'auto')
    return M <= L / 2 && hidden <= d / 2 ? { layers: L, hidden, heads: own ?? heads } : undefined;
  return parseShape(assistant);
}

/**
 * A student of `layers` x `hidden` whose last layer attends as the teacher's last layer does, trained on token sequences of the teacher's
 * tokenizer. Its output product, MLP and norms after that attention, and its pooler, stay as they began: it is a place to start
 * fine-tuning from, not an encoder to use. Throws a sentence where teacher and student cannot be compared.
 *
 * @example
 * const texts = corpus.map((text) => ({ ids: teacher.tokenizer.encode(text, { maxLength: 64 }).ids }));
 * const { student, log } = await distillAttention(
 *   teacher,
 *   { layers: 3, hidden: 384 },
 *   { sequences: texts.slice(100), heldOut: texts.slice(0, 100) },
 *   { steps: 1000, batch: 32, seq: 64, seed: 0 },
 * );
 */
export async function distillAttention(
  teacher: Teacher,
  shape: StudentShape,
  texts: { sequences: readonly Sequence[]; heldOut: readonly Sequence[] },
  options: DistillOptions,
): Promise<DistillResult> {
  checkTeacher(teacher.config, teacher.reference);
  const { relationHeads, useAT, useVR, teacherLayer, init = 'random', kept, onEvent, ...rest } = options;
  const loss = { relationHeads, useAT, useVR };
  if (teacherLayer !== undefined && (teacherLayer < 1 || teacherLayer > teacher.config.num_hidden_layers))
    throw new Error(
      `The teacher has ${teacher.config.num_hidden_layers} layers; teacherLayer is ${teacherLayer}. Choose 1 to ${teacher.config.num_hidden_layers}.`,
    );
  const between = assistantShape(teacher.config, shape, options.assistant);
  // Refused before anything is trained.
  for (const one of between ? [between, shape] : [shape]) studentConfig(teacher.config, one, relationHeads);
  const { runtime } = teacher;
  const padId = teacher.tokenizer.padId ?? 0;
  const one = async (of: 'assistant' | 'student', from: Side, wanted: StudentShape, layer: number | undefined) => {
    const config = studentConfig(teacher.config, wanted, relationHeads);
    // The assistant begins at random where its width is not the teacher's.
    const copies = init === 'layers' && (of === 'student' || from.config.hidden_size === wanted.hidden);
    const initial = copies
      ? await layerWeights(from, config, {
          runtime,
          seed: rest.seed,
          taken: takenLayers(from.config.num_hidden_layers, wanted.layers),
        })
      : randomWeights(config, rest.seed);
    return trainStudent(runtime, relationGoal(from, { ...loss, teacherLayer: layer }), config, initial, texts, {
      ...rest,
      padId,
      kept: kept?.(of),
      onEvent: (event) => onEvent?.({ ...event, of }),
    });
  };
  const first: Side = { config: teacher.config, weights: teacher.graphWeights };
  if (!between) return one('student', first, shape, teacherLayer);
  const assistant = await one('assistant', first, between, teacherLayer);
  const made = await one('student', sideOf(assistant.student), shape, undefined);
  return { ...made, assistant: { ...assistant, shape: between } };
}

/** What the student learns: the teacher's relations. */
export const relationGoal = (teacher: Side, options: RelationOptions = {}): Goal => ({
  build: (student, batch) => relationLoss(teacher, student, batch, options),
});

/** A model in memory as graphs read it. */
export const sideOf = ({ config, tensors }: Student): Side => ({ config, weights: weightSource(tensors, 'fp32') });
