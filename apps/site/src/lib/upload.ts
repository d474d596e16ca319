/** Sends files to the instance, with progress; for the browser. */
import { bytes } from './format.ts';

export interface UploadAnswer {
  id: string;
  name: string;
  bytes: number;
  model?: { kind: string; type: string; parameters: number; contextLength: number };
}

export interface Sending {
  /** Rejects with a sentence; with an AbortError when it was cancelled. */
  done: Promise<UploadAnswer>;
  cancel(): void;
}

/**
 * @param limit bytes that one upload may have here
 * @param onProgress told the bytes that were sent, of how many
 */
export function sendUpload(
  kind: 'model' | 'input',
  files: readonly File[],
  limit: number,
  onProgress: (sent: number, total: number) => void,
): Sending {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (total > limit) {
    const sentence = `An upload has at most ${bytes(limit)}; ${files.length === 1 ? `"${files[0]!.name}" has` : 'these have'} ${bytes(total)}. Choose a smaller file.`;
    return { done: Promise.reject(new Error(sentence)), cancel: () => {} };
  }
  const body = new FormData();
  for (const file of files) body.append('file', file, file.webkitRelativePath || file.name);
  // Not fetch: it does not tell how much was sent.
  const request = new XMLHttpRequest();
  const done = new Promise<UploadAnswer>((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total: all }) => onProgress(loaded, all);
    request.onload = () => {
      const answer = request.response as (UploadAnswer & { error?: string }) | null;
      if (request.status === 201 && answer) resolve(answer);
      else reject(new Error(answer?.error ?? `The upload was refused (${request.status}).`));
    };
    request.onerror = () => reject(new Error('The upload broke off: the instance did not answer. Try again.'));
    request.onabort = () => reject(new DOMException('Cancelled.', 'AbortError'));
    request.responseType = 'json';
    request.open('POST', `/api/v1/uploads?kind=${kind}`);
    request.send(body);
  });
  return { done, cancel: () => request.abort() };
}
