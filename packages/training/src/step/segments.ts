/** Which parts of a model a step computes again: segments by the names that activations have (docs/taps.md). */
import type { Segment, Tensor } from '@working-papers/graph';
import type { Tap } from '@working-papers/models';

/** The activations that a graph was built with, by name. */
export type Activations = ReadonlyMap<string, Tensor>;

export interface CollectOptions {
  /** Changes activations first: dropout, say. */
  change?: Tap;
  /** Whether scores and probabilities shall be among them, for which attention computes in plain operations; default as `change` has it, or not. */
  withinAttention?: boolean;
}

/**
 * A tap that writes down every activation, as `change` leaves it.
 *
 * @example
 * const { tap, activations } = collectActivations();
 * const { logits } = architecture.forward(config, weights, { ids }, { tap, parts: { attention: trainingAttention() } });
 * TrainingStep.compile(runtime, { loss, parameters, optimiser, recompute: blockSegments(activations) }, options);
 */
export function collectActivations({
  change,
  withinAttention = change !== undefined && change.withinAttention !== false,
}: CollectOptions = {}): { tap: Tap; activations: Activations } {
  const activations = new Map<string, Tensor>();
  const see = (name: string, tensor: Tensor) => {
    const shown = change?.(name, tensor) ?? tensor;
    activations.set(name, shown);
    return shown;
  };
  return { activations, tap: Object.assign(see, { withinAttention }) };
}

export interface SegmentOptions {
  /** Which layers are computed again, counted from 0; default all. */
  layers?(layer: number): boolean;
}

/**
 * Whole blocks: of each, the stream before it is kept and all within is computed again, for a third more arithmetic (arXiv 1604.06174). Models
 * of two halves have the blocks of both.
 */
export function blockSegments(activations: Activations, options: SegmentOptions = {}): Segment[] {
  return layersOf(activations, options).map(({ half, layer, activation }) => {
    const before = layer === 0 ? `${half}embedding` : `${half}blocks.${layer - 1}.residual`;
    return { from: [activation(before)], to: [activation(`${half}blocks.${layer}.residual`)] };
  });
}

/**
 * Scores and probabilities of each self-attention, which grow with the square of the length: little arithmetic for most of the memory of long
 * sequences (arXiv 2205.05198).
 */
export function attentionSegments(activations: Activations, options: SegmentOptions = {}): Segment[] {
  return layersOf(activations, options).map(({ half, layer, activation }) => {
    const within = (name: string) => activation(`${half}blocks.${layer}.attention.${name}`);
    return { from: [within('query'), within('key'), within('value')], to: [within('heads')] };
  });
}

function layersOf(activations: Activations, { layers = () => true }: SegmentOptions) {
  const found = [...activations.keys()].flatMap((name) => {
    const [, half, layer] = /^((?:\w+\.)?)blocks\.(\d+)\.residual$/.exec(name) ?? [];
    return half === undefined ? [] : [{ half, layer: Number(layer) }];
  });
  if (found.length === 0) {
    throw new Error(
      'There are no blocks among the activations; give the tap of collectActivations to the model first.',
    );
  }
  const activation = (name: string): Tensor => {
    const tensor = activations.get(name);
    if (!tensor) throw new Error(`The model shows no activation '${name}'.`);
    return tensor;
  };
  return found.filter(({ layer }) => layers(layer)).map((place) => ({ ...place, activation }));
}
