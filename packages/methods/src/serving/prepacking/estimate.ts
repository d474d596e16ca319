/** What `papers run prepacking` takes: every strategy is laid out as the run will, over lengths guessed from the characters. */
import type { Estimate, EstimateFacts } from '../../contract.ts';
import {
  flopsPerCore,
  flopsPerSecond,
  linesOf,
  multiplied,
  openSeconds,
  startBytes,
  startSeconds,
  tokensOf,
  weightBytes,
} from '../../speed.ts';
import { batchesOf } from './batches.ts';
import { type Plan, prefillFlops } from './packing.ts';
import type { PrepackingParameters } from './parameters.ts';
import { attentionFor } from './prefill.ts';

/** Seconds of a forward pass a parameter, whatever it computes. */
const passSeconds = 0.7e-9;
/** Seconds to compile the programs that prefill, of rows and of one row alone. */
const compileSeconds = 1.5;
/** Bytes a second at which a decoding step reads the weights. */
const bandwidth = 15e9;

export async function estimate(parameters: PrepackingParameters, facts: EstimateFacts): Promise<Estimate> {
  const model = facts.models.model!;
  const { lines, scale } = linesOf(facts.inputs.prompts);
  const lengths = lines.map(tokensOf);
  // Attention's own part needs heads times their width alone, which is the width of the model.
  const shape = { parameters: multiplied(model), layers: model.layers, heads: 1, headDim: model.hidden };
  const seconds = (plans: readonly Plan[]) =>
    plans.reduce((sum, plan) => sum + prefillFlops(plan, shape, attentionFor(plan, parameters.attention)), 0) /
      flopsPerSecond(facts.machine) +
    plans.length * passSeconds * model.parameters;

  // The searches find about the rows that the greedy packing finds.
  const packing = { ...parameters, packing: 'bfd' as const };
  const compared = await Promise.all(parameters.compare.map((strategy) => batchesOf(strategy, lengths, packing)));
  const packed = await batchesOf('prepack', lengths, packing);
  const rounds = (parameters.rounds + 1) * compared.reduce((sum, plans) => sum + seconds(plans), 0);
  // The first batch packed as it should be, and twice as it should not.
  const proof = parameters.verify > 0 ? 3 * seconds(packed.slice(0, 1)) : 0;
  const step =
    (4 * multiplied(model) * parameters.batch) / flopsPerSecond(facts.machine) + (4 * model.parameters) / bandwidth;
  const continuing =
    model.kind === 'decoder' && parameters.maxNew > 0
      ? seconds(packed) + Math.ceil(lengths.length / parameters.batch) * parameters.maxNew * step
      : 0;
  const slots = Math.max(0, ...compared.flat().map(({ rows, width }) => rows.length * width));
  // Logits and their copy; hidden states, keys and values.
  const slotBytes = (model.kind === 'decoder' ? 8 * model.vocabulary : 0) + 8 * model.hidden * model.layers;
  return {
    seconds: startSeconds + openSeconds(model) + compileSeconds + scale * (rounds + continuing) + proof,
    bytes: startBytes + weightBytes(model) + slots * slotBytes,
    basis: `two operations a parameter and slot, padding included, at ${flopsPerCore / 1e9} GFLOP/s on each of ${facts.machine.cores} cores; 4.5 characters a token`,
  };
}
