/** An encoder with the head that a task needs: its own where it has it, else a new one. */
import { type EncoderHead, encoderOf, labelsOf, type WeightTensor, withNewHead } from '@working-papers/models';
import { besideBody, moduleNames } from '../adapters/module-names.ts';
import { type ClassNames, namedClasses } from './class-names.ts';
import { deviationOf, freshWeight } from './new-model.ts';
import type { TrainableModel } from './trainable-model.ts';

/**
 * The model with a head for these labels. One that has it, with the same labels, stays as it is. Otherwise products of the new head are drawn
 * from a normal distribution, the same for one seed and name, biases are 0, and a head that was there before goes. Names become those of
 * transformers' class. Throws a sentence for a decoder.
 */
export function withHead(
  model: TrainableModel,
  head: EncoderHead,
  labels: readonly string[],
  seed: number,
): TrainableModel {
  const { config, tensors } = model;
  const has = (name: string) => tensors.has(name);
  const before = encoderOf(config).head(config, { has });
  const { config: changed, shapes } = withNewHead(config, head, labels);
  if (before === head && (labels.length === 0 || labelsOfHead(model).join('\n') === labels.join('\n'))) return model;
  const { inClass } = moduleNames({ config: changed, tensors });
  const all = new Map<string, WeightTensor>();
  for (const [name, tensor] of tensors) {
    const own = inClass(name);
    // Classes have a pooler where their head reads it alone.
    const goes = besideBody.test(own) || (/(^|\.)pooler\./.test(own) && !shapes.has(own));
    if (!goes) all.set(own, { ...tensor, name: own });
  }
  const deviation = deviationOf(config);
  const fresh = new Set([...(model.fresh ?? [])].map(inClass).filter((name) => all.has(name)));
  for (const [name, shape] of shapes) {
    if (all.get(name)?.shape.join() === shape.join()) continue;
    all.set(name, freshWeight(name, shape, { seed, deviation }));
    fresh.add(name);
  }
  return { ...model, config: changed, tensors: all, fresh };
}

/** What a model's configuration says that its head tells apart. */
export function labelsOfHead({ config }: TrainableModel): string[] {
  const { id2label } = config;
  const count = typeof id2label === 'object' && id2label !== null ? Object.keys(id2label).length : 0;
  return labelsOf(config, count);
}

/** The classes that were asked for; else the model's own where its head knows all those of the data; else those of the data. */
export async function classesFor(
  model: TrainableModel,
  asked: readonly string[] | undefined,
  inData: () => Promise<ClassNames>,
): Promise<ClassNames> {
  if (asked) return namedClasses(asked);
  const found = await inData();
  const own = labelsOfHead(model);
  return own.length > 0 && found.names.every((name) => own.includes(name)) ? namedClasses(own) : found;
}
