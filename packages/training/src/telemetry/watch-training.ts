/** What a training shows of itself before it goes wrong (Wortsman et al. 2023, arXiv 2309.14322): scalars beside the step, which it does not change. */
import {
  greater,
  max,
  mul,
  neg,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  sqrt,
  sub,
  type Tensor,
  where,
} from '@working-papers/graph';
import { forbidden, type Tap } from '@working-papers/models';
import { logSumExp } from '../losses/z-loss.ts';
import { isSelected, type Parameter, type Selection } from '../parameters.ts';
import type { TrainingGraph, Watched } from '../step/step-graph.ts';

/** Collects scalars of the activations that a model shows as its graph is built. */
export interface ActivationMetrics {
  /** Give it to the model's `forward`; it replaces nothing. */
  readonly tap: Tap;
  /** float32 scalars by name, as docs/taps.md names their activations. */
  readonly metrics: Record<string, Tensor>;
}

/**
 * Of each layer `blocks.N.attention.maxLogit` (the largest |scaled, unmasked score|), `blocks.N.attention.entropy` (mean over rows, heads and
 * queries, nats) and `blocks.N.rms` (of the stream after the block); of the head `logZ.mean`, `logZ.max` and `logits.mean`.
 */
export function activationMetrics(): ActivationMetrics {
  const metrics: Record<string, Tensor> = {};
  const scores = new Map<string, Tensor>();
  const logSums = new Map<string, Tensor>();
  const tap: Tap = (name, tensor) => {
    const layer = name.slice(0, name.lastIndexOf('.'));
    if (name.endsWith('.attention.scores')) {
      scores.set(layer, tensor);
      metrics[`${layer}.maxLogit`] = largestScore(tensor);
    } else if (name.endsWith('.attention.logSumExp')) logSums.set(layer, tensor);
    else if (name.endsWith('.attention.probabilities')) {
      // -sum p log p = log Z - sum p s; a forbidden score has p = 0 and is finite.
      const expected = reduceSum(mul(tensor, scores.get(layer)!), [-1]);
      metrics[`${layer}.entropy`] = reduceMean(sub(logSums.get(layer)!, expected));
    } else if (/^blocks\.\d+\.residual$/.test(name)) metrics[`${layer}.rms`] = rms(tensor);
    else if (name === 'logits') {
      const logZ = logSumExp(tensor);
      metrics['logZ.mean'] = reduceMean(logZ);
      metrics['logZ.max'] = reduceMax(logZ);
      metrics['logits.mean'] = reduceMean(tensor);
    }
    return undefined;
  };
  return { tap, metrics };
}

export interface WatchOptions {
  /** Whose gradients, changes and sizes are measured; default all parameters. */
  parameters?: Selection;
}

/**
 * A training with telemetry: `graph` made what {@link TrainingStep.watch} says of the model (by the `tap` that it was built with), and for
 * each parameter `gradientRms.NAME`, `changeRms.NAME` and `weightRms.NAME`. Weights and losses stay the same to the bit, and steps that are
 * not watched cost what they did.
 *
 * @example
 * const watch = watchTraining();
 * const { logits } = architecture.forward(config, weights, { ids }, { tap: watch.tap, parts: { attention: denseAttention } });
 * const step = await TrainingStep.compile(runtime, watch.graph({ loss: crossEntropy(logits, labels), parameters, optimiser }), { initial });
 * await train(step, batches, { steps, watchEvery: 20, onEvent: (event) => {
 *   if (event.type === 'step' && (event.step - 1) % 20 === 0) for (const alarm of alarms(telemetryOf(event), { eps: 1e-8 })) console.warn(alarm.sentence);
 * } });
 */
export function watchTraining({ parameters: chosen = () => true }: WatchOptions = {}): ActivationMetrics & {
  graph(graph: TrainingGraph): TrainingGraph;
} {
  const { tap, metrics } = activationMetrics();
  return {
    tap,
    metrics,
    graph: (graph) => {
      const watchedParameters = graph.parameters.filter((parameter) => isSelected(chosen, parameter));
      const each = (prefix: string, of: (parameter: Parameter) => Tensor | undefined) =>
        Object.fromEntries(
          watchedParameters.flatMap((parameter) => {
            const tensor = of(parameter);
            return tensor ? [[`${prefix}.${parameter.name}`, rms(tensor)]] : [];
          }),
        );
      const watched: Watched = {
        metrics: { ...graph.watched?.metrics, ...metrics, ...each('weightRms', ({ tensor }) => tensor) },
        gradients: (gradients) => ({
          ...graph.watched?.gradients?.(gradients),
          ...each('gradientRms', ({ name }) => gradients.get(name)),
        }),
        changes: (changes) => ({
          ...graph.watched?.changes?.(changes),
          ...each('changeRms', ({ name }) => changes.get(name)),
        }),
      };
      return { ...graph, watched };
    },
  };
}

/** Root of the mean square. */
const rms = (x: Tensor): Tensor => sqrt(reduceMean(mul(x, x)));

/** The largest |score| of a pair that may be seen. */
const largestScore = (scores: Tensor): Tensor =>
  max(reduceMax(scores), neg(reduceMin(where(greater(scores, forbidden / 10), scores, 0))));
