/** What a run would take, before it is started. Nothing is stored and nothing is fetched. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { estimateOf, fieldsOf } from '@working-papers/methods';
import type { Estimate, EstimateFacts } from '@working-papers/methods/contract';
import { physicalCores } from '@working-papers/runtime/processes';
import { type Source, sourceOf } from './child/inputs.ts';
import { sizeOfModel } from './models-at-hand.ts';
import { checkedParameters, findMethod } from './requests.ts';
import type { RunRequest } from './types.ts';
import { uploadsFolder } from './uploads/store.ts';

export interface RunEstimate extends Estimate {
  /** The whole in a sentence, for people. */
  sentence: string;
}

/** Bytes of an input that its estimator sees. */
const seen = 64 * 1024;

/**
 * Checks the parameters as `createRun` does and asks the paper's room. `seconds` and `bytes` are absent where nothing can be said;
 * `basis` then says why. Throws RunRequestError.
 * @param paths whether files that the parameters name by path may be looked at
 */
export async function estimateRun(
  dataFolder: string,
  request: Pick<RunRequest, 'slug' | 'action' | 'parameters'>,
  { paths }: { paths: boolean },
): Promise<RunEstimate> {
  const told = (estimate: Estimate) => ({ ...estimate, sentence: sentenceOf(estimate) });
  const method = await findMethod(request.slug);
  const parameters = checkedParameters(method, request);
  const estimate = await estimateOf(method.slug);
  if (!estimate) return told({ basis: 'this paper does not say what a run takes' });
  const facts: EstimateFacts = {
    machine: { cores: physicalCores(), memoryBytes: totalmem() },
    models: {},
    inputs: {},
  };
  const action = typeof parameters.action === 'string' ? parameters.action : undefined;
  for (const { name, kind } of fieldsOf(method, action)) {
    const value = parameters[name];
    if (kind === undefined || typeof value !== 'string') continue;
    if (kind === 'model') {
      const size = await sizeOfModel(dataFolder, value, { paths });
      if (!size) return told({ basis: `${value.slice(0, 200)} is not on this machine yet, so its size is not known` });
      facts.models[name] = size;
    } else {
      const input = await sizeOfInput(value, uploadsFolder(dataFolder), paths);
      if (input) facts.inputs[name] = input;
    }
  }
  return told(await estimate(parameters, facts));
}

/** "About 40 s and 1.2 GB: <basis>." */
function sentenceOf({ seconds, bytes, basis }: Estimate): string {
  const parts = [
    seconds === undefined ? undefined : duration(seconds),
    bytes === undefined ? undefined : `${(bytes / 1e9).toFixed(1)} GB`,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return `No estimate: ${basis}.`;
  const memory = totalmem();
  const over =
    bytes !== undefined && bytes > memory ? ` This machine has ${(memory / 1e9).toFixed(1)} GB of memory.` : '';
  return `About ${parts.join(' and ')}: ${basis}.${over}`;
}

/** As coarse as an estimate is: "4 s", "40 s", "6 min", "2 h". */
function duration(seconds: number): string {
  if (seconds < 10) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90) return `${5 * Math.round(seconds / 5)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

async function sizeOfInput(
  value: string,
  uploads: string,
  paths: boolean,
): Promise<EstimateFacts['inputs'][string] | undefined> {
  if (!paths && !/^(upload|house):/.test(value))
    return { bytes: Buffer.byteLength(value), beginning: value.slice(0, seen) };
  let source: Source;
  try {
    source = sourceOf(value, uploads);
  } catch {
    // A file that is not there is for the run to report.
    return undefined;
  }
  if ('text' in source) return { bytes: Buffer.byteLength(source.text), beginning: source.text.slice(0, seen) };
  if (source.gzip) {
    const text = gunzipSync(await readFile(source.path));
    return { bytes: text.length, beginning: text.subarray(0, seen).toString('utf8') };
  }
  const pieces: Buffer[] = [];
  for await (const piece of createReadStream(source.path, { end: seen - 1 })) pieces.push(piece as Buffer);
  return { bytes: (await stat(source.path)).size, beginning: Buffer.concat(pieces).toString('utf8') };
}
