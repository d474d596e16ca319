/** A student that learns what a teacher would say. */
import {
  add,
  argMax,
  cast,
  constant,
  div,
  equal,
  gather,
  max,
  mul,
  not,
  reduceSum,
  stopGradient,
} from '@working-papers/graph';
import { architectureOf, type EncoderHead, encoderOf, isBlockType, weightSource } from '@working-papers/models';
import { ignored } from '../data/sequence.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { klDivergence } from '../losses/kl-divergence.ts';
import { checkPositive } from '../optimisers/option-checks.ts';
import { labelsOfHead } from './heads.ts';
import { accuracyOf, type Labelled, type Task, type TaskKind } from './task.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface DistillationOptions {
  /** Divides the logits of both; the divergence is multiplied by its square. Default 2. */
  temperature?: number | undefined;
  /** What the teacher says counts so much, the labels the rest. Default 1: the teacher alone. */
  share?: number | undefined;
}

const heads: Partial<Record<TaskKind, EncoderHead>> = {
  masked: 'masked-lm',
  classification: 'sequence-classification',
  token: 'token-classification',
};

/** Text that two tokenizers which are the same make the same tokens of. */
const probe = 'The 2 quick brown foxes’ naïve jump: 3.14 % over http://lazy.dog/ — 12,000 times!\n\tÅ';

/**
 * A task with a teacher (Hinton et al. 2015, arXiv 1503.02531): share * T^2 KL(teacher || student) at temperature T plus (1 - share) times the cross entropy of the
 * labels. The teacher reads the same batch in the same program and does not change; it may be any model of the task's kind with the same tokens, and the
 * same labels in any order. `agreement` is how often both find the same class likeliest.
 * Throws a sentence where the two do not go together.
 */
export function distillationTask(
  task: Task,
  teacher: TrainableModel,
  { temperature = 2, share = 1 }: DistillationOptions = {},
): Task {
  checkPositive('The temperature', temperature);
  if (!(share >= 0 && share <= 1)) throw new RangeError(`The teacher's share must be from 0 to 1; got ${share}.`);
  const { labelled: labelledBy } = task;
  if (!labelledBy)
    throw new Error(
      `A ${task.kind} task has no logits to learn from a teacher. Take one that classifies, or predicts tokens.`,
    );
  const order = orderOfLabels(task, teacher);
  checkTogether(task, teacher);
  const blocks = [...teacher.tensors.values()].some(({ type }) => isBlockType(type));
  const taught = weightSource(teacher.tensors, blocks ? 'q4' : 'fp32', 'teacher.');
  return {
    ...task,
    kind: 'distillation',
    graph(weights, tap) {
      const student = labelledBy(weights, task.model.config, tap);
      const { logits } = labelledBy(taught, teacher.config);
      const wanted = stopGradient(order ? gather(logits, constant(order, 'int64'), 1) : logits);
      const counted = countedIn(student);
      const count = reduceSum(counted, [0]);
      const divergence = klDivergence(wanted, student.logits, { temperature, weights: counted });
      const same = cast(equal(argMax(wanted, -1), argMax(student.logits, -1)), 'float32');
      const loss =
        share === 1
          ? divergence
          : add(mul(divergence, share), mul(crossEntropy(student.logits, student.labels), 1 - share));
      return {
        loss,
        count,
        metrics: {
          divergence,
          agreement: div(reduceSum(mul(same, counted), [0]), max(count, 1)),
          ...(share === 1 ? {} : { accuracy: accuracyOf(student) }),
        },
      };
    },
    values: (means) => means,
  };
}

const countedIn = ({ counted, labels }: Labelled) => counted ?? cast(not(equal(labels, ignored)), 'float32');

/** The teacher's classes in the student's order; undefined where it is the same. */
function orderOfLabels({ labels }: Task, teacher: TrainableModel): number[] | undefined {
  if (!labels) return undefined;
  const theirs = labelsOfHead(teacher);
  if (labels.length !== theirs.length || labels.some((label) => !theirs.includes(label)))
    throw new Error(
      `The teacher ${teacher.reference} tells ${theirs.join(', ') || 'nothing'} apart, and the student is to tell ${labels.join(', ')}. Name the teacher's labels (labels).`,
    );
  const order = labels.map((label) => theirs.indexOf(label));
  return order.every((place, index) => place === index) ? undefined : order;
}

/** Throws a sentence unless both read the same tokens, and the teacher answers what the task asks. */
function checkTogether({ kind, model }: Task, teacher: TrainableModel): void {
  const head = heads[kind];
  const ofKind = architectureOf(teacher.config).kind;
  const has = (name: string) => teacher.tensors.has(name);
  const own = ofKind === 'encoder' ? encoderOf(teacher.config).head(teacher.config, { has }) : undefined;
  if (head ? own !== head : ofKind !== 'decoder')
    throw new Error(
      `The teacher ${teacher.reference} is ${ofKind === 'encoder' ? `an encoder with ${own ? `the head '${own}'` : 'no head'}` : `a ${ofKind}`}; a ${kind} task needs ${head ? `an encoder with the head '${head}'` : 'a decoder'}.`,
    );
  const [one, other] = [tokenizerOf(model), tokenizerOf(teacher)];
  const sizes = [model.config.vocab_size, teacher.config.vocab_size];
  if (sizes[0] !== sizes[1] || one.encode(probe).ids.join() !== other.encode(probe).ids.join())
    throw new Error(
      `The teacher ${teacher.reference} reads other tokens (${sizes[1]} in all) than ${model.reference} (${sizes[0]}). Take two models with one tokenizer.`,
    );
}
