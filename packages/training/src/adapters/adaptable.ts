import { architectureOf, forwardInputs, type WeightSource, weightSource } from '@working-papers/models';
import { moduleNames } from './module-names.ts';
import type { AdaptableWeight, BaseModel } from './types.ts';

/** How a graph asks for a weight. */
export interface WeightUse {
  name: string;
  /** `whole`: for the tensor itself. */
  as: 'linear' | 'embedding' | 'whole';
  inOut: boolean;
}

/** A source that tells which weights are asked for, and how. */
function watchedWeights(base: WeightSource, note: (use: WeightUse) => void): WeightSource {
  const listed = (names: string | readonly string[] | undefined) =>
    typeof names === 'string' ? [names] : (names ?? []);
  const asked = (names: string | readonly string[] | undefined, as: WeightUse['as'], inOut = false) => {
    for (const name of listed(names)) note({ name, as, inOut });
  };
  return {
    weights: base.weights,
    get bytes() {
      return base.bytes;
    },
    has: (name) => base.has(name),
    get(name, shape) {
      asked(name, 'whole');
      return base.get(name, shape);
    },
    linear(x, names, bias, options) {
      asked(names, 'linear', options?.layout === 'in-out');
      asked(bias, 'whole');
      return base.linear(x, names, bias, options);
    },
    apart(x, names, bias) {
      asked(names, 'linear');
      asked(bias, 'whole');
      return base.apart(x, names, bias);
    },
    embedding(ids, name, count) {
      asked(name, 'embedding');
      return base.embedding(ids, name, count);
    },
  };
}

/** All uses of weights in a whole pass of a model, head included; nothing is read or compiled. */
export function weightUses({ config }: BaseModel, source: WeightSource): WeightUse[] {
  const uses: WeightUse[] = [];
  const architecture = architectureOf(config);
  const { required, optional } = architecture.inputs(config);
  const inputs = forwardInputs([...required, ...optional]);
  const watched = watchedWeights(source, (use) => void uses.push(use));
  architecture.forward(config, watched, inputs, {});
  return uses;
}

/**
 * The weights that a model multiplies with or looks rows up in, in the order of its computation; tables that an encoder and a decoder share
 * are not among them. A tied head stands apart from its table: the same weight, another module. Throws a sentence where the model cannot be built.
 */
export function adaptableWeights(model: BaseModel): AdaptableWeight[] {
  const { config, tensors } = model;
  const { kind } = architectureOf(config);
  const names = moduleNames(model);
  const uses = weightUses(model, weightSource(tensors, 'fp32'));
  const tables = new Set(uses.filter(({ as }) => as === 'embedding').map(({ name }) => name));
  const found = new Map<string, AdaptableWeight>();
  for (const { name, as, inOut } of uses) {
    if (as === 'whole' || !name.endsWith('.weight')) continue;
    // In transformers' classes each half looks rows up in a module of its own over one storage.
    if (as === 'embedding' && kind === 'seq2seq') continue;
    const own = names.inClass(name).slice(0, -'.weight'.length);
    const module = as === 'linear' && tables.has(name) ? names.head : own;
    const tensor = tensors.get(name)!;
    const [first, second] = tensor.shape as [number, number];
    // As it lies here: GGUF files hold GPT-2's products as all others'.
    const [inFeatures, outFeatures] =
      as === 'embedding' || (inOut && !tensor.transposed) ? [first, second] : [second, first];
    const head = as === 'linear' && (module === names.head || /^(classifier|score)$/.test(module));
    if (!found.has(module)) found.set(module, { weight: name, module, kind: as, inFeatures, outFeatures, inOut, head });
  }
  return [...found.values()];
}

/** The product with a table that gives the logits of tokens, where a model has no weight of its own for it. */
export function tiedHead(model: BaseModel): AdaptableWeight | undefined {
  const names = moduleNames(model);
  return adaptableWeights(model).find(
    ({ kind, module, weight }) => kind === 'linear' && module === names.head && weight !== names.headWeight,
  );
}

/** Finds the weight of a module by any of the names that transformers takes for it; the answer has the name that was given. */
export function adaptableByModule(
  model: BaseModel,
): (module: string, kind: AdaptableWeight['kind']) => AdaptableWeight | undefined {
  const available = adaptableWeights(model);
  const names = moduleNames(model);
  return (module, kind) => {
    const weight = names.inCheckpoint(`${module}.weight`);
    const ofKind = available.filter((candidate) => candidate.kind === kind);
    const found =
      ofKind.find((candidate) => candidate.module === module) ??
      ofKind.find((candidate) => candidate.weight === weight && candidate.module !== names.head);
    return found && { ...found, module };
  };
}
