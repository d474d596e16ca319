import type { Telemetry } from './telemetry.ts';

export interface AlarmLimits {
  /** Of AdamW. */
  eps: number;
  /** Largest gradient norm that the optimiser lets through; default none is clipped. */
  maxNorm?: number;
  /** Attention logits above it are taken for a divergence that has begun. Default 1e4, where the paper's models had diverged. */
  maxLogit?: number;
  /** A gradient whose RMS is below so many times eps is held down by eps. Default 10: eps then takes a tenth of the update. */
  epsMargin?: number;
}

export interface Alarm {
  kind: 'attention logits' | 'eps';
  step: number;
  /** The layer, or the parameter. */
  where: string;
  value: number;
  limit: number;
  /** What is seen and what helps. */
  sentence: string;
}

/**
 * The two instabilities that can be seen coming (arXiv 2309.14322): attention logits that grow without bound, and
 * gradients that have shrunk towards AdamW's eps, so that it decides the update: |g| / (|g| + eps) of what it would be. A parameter whose
 * gradient is exactly zero raises none. False alarms have no measured rate: calibrate the limits on runs of your own.
 */
export function alarms(telemetry: Telemetry, limits: AlarmLimits): Alarm[] {
  const { eps, maxNorm = Number.POSITIVE_INFINITY, maxLogit = 1e4, epsMargin = 10 } = limits;
  const { step, gradientNorm } = telemetry;
  const found: Alarm[] = [];
  for (const [layer, { maxLogit: value }] of telemetry.layers.entries()) {
    if (value <= maxLogit) continue;
    const where = `blocks.${layer}`;
    const sentence = `Step ${step}: the largest attention logit of layer ${layer} is ${value.toPrecision(3)}, above ${maxLogit}. Put a layer norm on queries and keys, or lower the learning rate.`;
    found.push({ kind: 'attention logits', step, where, value, limit: maxLogit, sentence });
  }
  const clip = gradientNorm > maxNorm ? maxNorm / gradientNorm : 1;
  const limit = epsMargin * eps;
  for (const [where, { gradient }] of Object.entries(telemetry.parameters)) {
    const value = gradient * clip;
    if (!(value < limit) || value === 0) continue;
    const share = (100 * value) / (value + eps);
    const sentence = `Step ${step}: the gradient of ${where} has an RMS of ${value.toExponential(1)}, so that eps = ${eps} leaves ${share.toFixed(0)} % of its update. Lower eps (1e-15).`;
    found.push({ kind: 'eps', step, where, value, limit, sentence });
  }
  return found;
}
