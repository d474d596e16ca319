/** Which weights of a task's model change, what they begin with, and the model that comes of them. */
import { dropout, input, operationsBefore, type Tensor } from '@working-papers/graph';
import { dequantise, floatTensor, type ModelToSave, type WeightSource, weightSource } from '@working-papers/models';
import { weightUses } from '../adapters/adaptable.ts';
import { createLora } from '../adapters/create-lora.ts';
import type { LoraConfig } from '../adapters/lora-config.ts';
import { loraWeights } from '../adapters/lora-weights.ts';
import { mergeAdapter } from '../adapters/merge.ts';
import type { LoraAdapter } from '../adapters/types.ts';
import type { Parameter } from '../parameters.ts';
import type { StepRandom } from '../step/step-random.ts';
import type { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { refuseQuantised, type TrainableModel } from './trainable-model.ts';

/** What is trained of a model: all weights, those in whose names a pattern is found, or a low-rank adapter beside them. */
export type Trained = 'all' | RegExp | { lora: Partial<LoraConfig> };

/** The weights that changed, and their values. */
export type Trainee = Pick<TrainingStep, 'parameters' | 'weight'>;

export interface TrainedWeights {
  /** For the graph of a task; over the same inputs each time. With `random` an adapter drops what its configuration says. */
  source(random?: StepRandom): WeightSource;
  /** Those of the weights that change which a loss depends on. */
  parametersOf(loss: Tensor): Parameter[];
  /** What a parameter begins with. */
  initial(name: string): Promise<Float32Array>;
  /** The model with the values of its weights as they are then; an adapter's are merged. */
  model(step: Trainee): ModelToSave;
  /** The adapter with its values, where one is trained. */
  adapter?(step: Trainee): LoraAdapter;
}

/** Throws a sentence where the weights are quantised and would change, and where a pattern or an adapter finds nothing. */
export function trainedWeights(model: TrainableModel, trained: Trained, seed: number): TrainedWeights {
  if (typeof trained === 'object' && 'lora' in trained) return adapted(model, trained.lora, seed);
  refuseQuantised(model);
  const { tensors, fresh } = model;
  const isTrained = (name: string) => trained === 'all' || name.search(trained) >= 0 || fresh?.has(name) === true;
  if (![...tensors.keys()].some(isTrained))
    throw new Error(
      `No weight of ${model.reference} matches ${String(trained)}. Its weights are called ${[...tensors.keys()].slice(-3).join(', ')} and the like.`,
    );
  const source = trainableWeights(weightSource(tensors, 'fp32'), { trainable: isTrained });
  return {
    source: () => source,
    parametersOf: (loss) => reached(loss, source.parameters),
    initial: (name) => valuesOf(model, name),
    model: (step) => saved(model, step),
  };
}

function adapted(model: TrainableModel, config: Partial<LoraConfig>, seed: number): TrainedWeights {
  const wholeModules = [...(model.fresh ?? [])].map((name) => name.replace(/\.(weight|bias)$/, ''));
  const modulesToSave = [...new Set([...(config.modulesToSave ?? []), ...wholeModules])];
  const adapter = createLora(model, modulesToSave.length > 0 ? { ...config, modulesToSave } : config, seed);
  const inputs = new Map<string, Tensor>();
  const tensor = (name: string, shape: readonly number[]): Tensor => {
    const known = inputs.get(name) ?? input(`weight.${name}`, 'float32', shape);
    inputs.set(name, known);
    return known;
  };
  const base = weightSource(model.tensors, 'fp32');
  const { dropout: rate } = adapter.config;
  const source = (random?: StepRandom) =>
    loraWeights(base, adapter, {
      tensor,
      ...(random && rate > 0
        ? { dropout: (x: Tensor, module: string) => dropout(x, rate, random.key(`dropout ${module}`)) }
        : {}),
    });
  const withValues = (step: Trainee): LoraAdapter => ({
    ...adapter,
    tensors: new Map(
      [...adapter.tensors].map(([name, { shape, values }]) => [
        name,
        { shape, values: isTrained(step, name) ? step.weight(name) : values },
      ]),
    ),
  });
  return {
    source,
    parametersOf: (loss) =>
      reached(
        loss,
        [...inputs].map(([name, tensor]) => ({ name, tensor, shape: tensor.shape as readonly number[] })),
      ),
    async initial(name) {
      return adapter.tensors.get(name)!.values;
    },
    model(step) {
      const merged = mergeAdapter(model, withValues(step));
      return { ...model, config: merged.config, tensors: merged.tensors.values() };
    },
    adapter: withValues,
  };
}

/** Parameters that a loss depends on: the others would only decay. */
function reached(loss: Tensor, parameters: readonly Parameter[]): Parameter[] {
  const before = new Set(operationsBefore([loss]));
  return parameters.filter(({ tensor }) => before.has(tensor.op));
}

/** The numbers of a model's weight as floats. */
async function valuesOf({ tensors, reference }: TrainableModel, name: string): Promise<Float32Array> {
  const { type, count, transposed, bytes } = tensors.get(name)!;
  if (transposed)
    throw new Error(
      `${reference} holds '${name}' the other way round, as GGUF files do. Save it as a Hugging Face folder first (papers models save).`,
    );
  return dequantise(type, await bytes(), count).slice();
}

const isTrained = ({ parameters }: Trainee, name: string): boolean => parameters.some((one) => one.name === name);

/** The model with values in place of what was trained; what its graph does not read (buffers, copies of a tied table) is left out. */
function saved(model: TrainableModel, step: Trainee): ModelToSave {
  const read = new Set(weightUses(model, weightSource(model.tensors, 'fp32')).map(({ name }) => name));
  const shapes = new Map(step.parameters.map(({ name, shape }) => [name, shape]));
  const tensors = [...model.tensors.values()].flatMap((tensor) => {
    const shape = shapes.get(tensor.name);
    if (shape) return [floatTensor(tensor.name, shape, () => step.weight(tensor.name))];
    return read.has(tensor.name) ? [tensor] : [];
  });
  return { ...model, tensors };
}
