/** What a model's files are is found out in a process of its own: the bytes are a stranger's. */
import type { InspectedModel } from '@working-papers/models/node';
import { spawnHeavy } from '@working-papers/runtime/processes';
import { childEnvironment } from '../environment.ts';
import { moduleFile } from '../module-file.ts';
import { UploadError } from './types.ts';

/** What the checking child answers. */
export type CheckAnswer = { model: InspectedModel } | { refused: string };

/** Headers, configuration and tokenizer of a large model take seconds and some hundred megabytes. */
const limits = { milliseconds: 120_000, bytes: 2 * 2 ** 30 } as const;

/** What the model at `path` (a folder or file) is. Throws an UploadError with the reader's sentence when it is not a model that runs here. */
export async function checkModelUpload(path: string, signal?: AbortSignal): Promise<InspectedModel> {
  return inspectApart(path, 'the upload', signal);
}

/** As `inspectModel`, in a process of its own that may not take long or grow large. Throws an UploadError. */
export async function inspectApart(path: string, name: string, signal?: AbortSignal): Promise<InspectedModel> {
  let answer: CheckAnswer | undefined;
  const child = spawnHeavy(moduleFile('uploads/check-child'), {
    args: [path, name],
    env: { ...childEnvironment(), HF_TOKEN: '' },
    timeLimitMs: limits.milliseconds,
    ...(process.platform === 'win32' ? {} : { memoryLimitBytes: limits.bytes }),
    ...(signal ? { signal } : {}),
    onMessage: (message) => {
      answer = message as CheckAnswer;
    },
  });
  const exit = await child.exit;
  signal?.throwIfAborted();
  if (exit.reason === 'time')
    throw new UploadError(`The model could not be read within ${limits.milliseconds / 1000} s.`);
  if (exit.reason === 'memory') throw new UploadError('The model’s headers need more than 2 GiB of memory to be read.');
  if (answer === undefined)
    throw new UploadError(
      `The model could not be read: ${exit.reason === 'done' ? 'its process said nothing.' : exit.message}`,
    );
  if ('refused' in answer) throw new UploadError(answer.refused);
  return answer.model;
}
