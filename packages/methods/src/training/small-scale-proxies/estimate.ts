/** What a scan or a probe takes. */
import type { Estimate, EstimateFacts } from '../../contract.ts';
import {
  flopsPerSecond,
  multiplied,
  openSeconds,
  startBytes,
  startSeconds,
  tokensOf,
  weightBytes,
} from '../../speed.ts';
import { armsOf, listed, ratesOf } from './arms.ts';
import type { ProbeParameters, ProxyParameters, ScanParameters } from './parameters.ts';
import { alone, sizeOf, usualSizes } from './sizes.ts';

/** Multiplications and additions a second of one thread that trains, and seconds of a step a layer that are none. */
const trainedFlops = 120e9;
const layerSeconds = 2e-3;
/** Seconds to compile the programs of one size and structure, and of reading a byte of text. */
const compileSeconds = 0.5;
const byteSeconds = 0.3e-6;
/** Bytes of `house:books` as text. */
const bookBytes = 6.4e6;
/** Batches that each training is judged by at its beginning and its end, in steps. */
const judging = 32 / 3;

interface Size {
  layers: number;
  width: number;
  vocabulary: number;
}

export function estimate(parameters: ProxyParameters, facts: EstimateFacts): Estimate {
  return parameters.action === 'probe' ? probing(parameters, facts) : scanning(parameters, facts);
}

function scanning(parameters: ScanParameters, facts: EstimateFacts): Estimate {
  const { steps, batch, sequence, seeds } = parameters;
  const sizes = sizesOf(parameters, facts);
  if (!sizes) return { basis: 'the configuration does not say its size' };
  const arms = armsOf(parameters.arms);
  const structures = new Set(arms.map(({ qkNorm, mup }) => `${qkNorm} ${mup}`)).size;
  const each = arms.length * ratesOf(parameters.lrs).length * seeds;
  const tokens = batch * sequence;
  const small = sizes.every((size) => parametersOf(size) < alone);
  const lanes = small ? Math.min(facts.machine.cores, each * sizes.length) : 1;
  const threads = small ? 1 : facts.machine.cores;
  const text = facts.inputs.data?.bytes ?? bookBytes;
  let seconds = startSeconds + text * byteSeconds;
  let bytes = 0;
  for (const size of sizes) {
    const { layers, width, vocabulary } = size;
    // Two a weight and token forwards and four backwards; attention multiplies over the whole length twice.
    const flops = 6 * tokens * (12 * layers * width ** 2 + vocabulary * width + 2 * layers * sequence * width);
    const step = layers * layerSeconds + flops / (trainedFlops * threads);
    seconds += (each * (steps + judging) * step) / lanes + structures * compileSeconds;
    const heads = width / parameters.headDim;
    const activations = 4 * tokens * layers * (34 * width + 6 * heads * sequence);
    // A step and a watched one hold activations of their own.
    bytes = Math.max(bytes, lanes * (2 * activations + 20 * parametersOf(size)));
  }
  return {
    seconds,
    bytes: startBytes + 24 * text + 60e6 * lanes + bytes,
    basis: `${each * sizes.length} trainings of ${steps} steps, ${lanes} at a time, at ${trainedFlops / 1e9} GFLOP/s a thread; those that are kept from before take nothing`,
  };
}

function sizesOf(parameters: ScanParameters, facts: EstimateFacts): Size[] | undefined {
  const vocabulary = 96;
  const named = parameters.sizes ?? (parameters.config === undefined ? usualSizes : undefined);
  if (named !== undefined)
    return listed(named, 'sizes').map((size) => {
      const [layers, width] = sizeOf(size);
      return { layers, width, vocabulary };
    });
  const numbers = (...fields: string[]) => {
    const text = facts.inputs.config?.beginning ?? '';
    const found = fields.map((field) => new RegExp(`"${field}"\\s*:\\s*(\\d+)`).exec(text)?.[1]);
    return Number(found.find((value) => value !== undefined));
  };
  const [layers, width] = [numbers('num_hidden_layers', 'n_layer'), numbers('hidden_size', 'n_embd')];
  return layers > 0 && width > 0 ? [{ layers, width, vocabulary }] : undefined;
}

const parametersOf = ({ layers, width, vocabulary }: Size): number => 12 * layers * width ** 2 + 2 * vocabulary * width;

function probing({ text, tokens }: ProbeParameters, facts: EstimateFacts): Estimate {
  const model = facts.models.model!;
  const read = Math.min(tokens, tokensOf(facts.inputs.text?.beginning ?? text));
  return {
    // Opened, and compiled once more for the pass.
    seconds: startSeconds + openSeconds(model) + (2 * multiplied(model) * read) / flopsPerSecond(facts.machine),
    bytes: startBytes + (model.bytes < model.parameters ? 3 * model.bytes : 1.5 * weightBytes(model)),
    basis: `one pass over ${read} tokens after the model is opened`,
  };
}
