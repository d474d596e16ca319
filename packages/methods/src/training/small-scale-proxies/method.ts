/** `papers run small-scale-proxies scan | probe`: train small models over learning rates, or look into one that is there. */
import type { RunContext } from '../../contract.ts';
import type { ProxyParameters } from './parameters.ts';
import { probe } from './probe.ts';
import { stabilityScan } from './scan.ts';

export { alarms, telemetryOf, watchTraining } from '@working-papers/training';
export { probe } from './probe.ts';
export { stabilityScan } from './scan.ts';

export async function run(parameters: ProxyParameters, context: RunContext): Promise<void> {
  if (parameters.action === 'probe') await probe(parameters, context);
  else await stabilityScan(parameters, context);
}
