import type { StepResult } from '../step/training-step.ts';

export interface LayerTelemetry {
  /** Largest |scaled attention logit| of the batch. */
  maxLogit: number;
  /** Mean entropy of the attention, nats. */
  entropy: number;
  /** Root mean square of the stream after the block. */
  rms: number;
}

/** What a watched step said, in order; sizes are root mean squares. */
export interface Telemetry {
  step: number;
  loss: number;
  /** L2 norm of all gradients. */
  gradientNorm: number;
  layers: LayerTelemetry[];
  logZ: { mean: number; max: number };
  meanLogit: number;
  /** By the parameter's name: its gradient (before clipping), what was added to it, and itself before that. */
  parameters: Record<string, { gradient: number; change: number; weight: number }>;
}

/** The metrics of a step that `watchTraining` watched. Throws a sentence for a step that was not watched. */
export function telemetryOf({ step, loss, gradientNorm, metrics }: StepResult): Telemetry {
  const of = (name: string): number => {
    const value = metrics[name];
    if (value === undefined)
      throw new Error(`Step ${step} was not watched: it does not say ${name}. Take it with TrainingStep.watch.`);
    return value;
  };
  const layers: LayerTelemetry[] = [];
  while (metrics[`blocks.${layers.length}.rms`] !== undefined) {
    const block = `blocks.${layers.length}`;
    layers.push({
      maxLogit: of(`${block}.attention.maxLogit`),
      entropy: of(`${block}.attention.entropy`),
      rms: of(`${block}.rms`),
    });
  }
  const parameters: Telemetry['parameters'] = {};
  for (const name of Object.keys(metrics)) {
    const parameter = /^weightRms\.(.*)$/.exec(name)?.[1];
    if (parameter === undefined) continue;
    parameters[parameter] = {
      gradient: of(`gradientRms.${parameter}`),
      change: of(`changeRms.${parameter}`),
      weight: of(name),
    };
  }
  const logZ = { mean: of('logZ.mean'), max: of('logZ.max') };
  return { step, loss, gradientNorm, layers, logZ, meanLogit: of('logits.mean'), parameters };
}
