/** What a run would take, before it is started. Nothing is stored and nothing is fetched. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { estimateOf, fieldsOf } from '@working-papers/methods';
import type { Estimate, EstimateFacts } from '@working-papers/methods/contract';
import { physicalCores } from '@working-papers/runtime/processes';
import { type Source, sourceOf } from './child/inputs.ts';
import { sizeOfModel } from './models-at-hand.ts';
import { checkedParameters, findMethod } from './requests.ts';
import type { RunRequest } from './types.ts';
import { uploadsFolder } from './uploads/store.ts';

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
): Promise<Estimate> {
  const method = await findMethod(request.slug);
  const parameters = checkedParameters(method, request);
  const estimate = await estimateOf(method.slug);
  if (!estimate) return { basis: 'this paper does not say what a run takes' };
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
      if (!size) return { basis: `${value.slice(0, 200)} is not on this machine yet, so its size is not known` };
      facts.models[name] = size;
    } else {
      const input = await sizeOfInput(value, uploadsFolder(dataFolder), paths);
      if (input) facts.inputs[name] = input;
    }
  }
  return estimate(parameters, facts);
}

async function sizeOfInput(
  value: string,
  uploads: string,
  paths: boolean,
): Promise<EstimateFacts['inputs'][string] | undefined> {
  if (!paths && !value.startsWith('upload:'))
    return { bytes: Buffer.byteLength(value), beginning: value.slice(0, seen) };
  let source: Source;
  try {
    source = sourceOf(value, uploads);
  } catch {
    // A file that is not there is for the run to report.
    return undefined;
  }
  if ('text' in source) return { bytes: Buffer.byteLength(source.text), beginning: source.text.slice(0, seen) };
  const pieces: Buffer[] = [];
  for await (const piece of createReadStream(source.path, { end: seen - 1 })) pieces.push(piece as Buffer);
  return { bytes: (await stat(source.path)).size, beginning: Buffer.concat(pieces).toString('utf8') };
}
