/** The files of a multipart body, one after the other, as they come: nothing is held but what is on its way. */
import { Readable } from 'node:stream';
import Busboy, { type BusboyFileStream } from '@fastify/busboy';
import { type IncomingFile, UploadError } from '@working-papers/runs';

/** What is still taken in of a refused body, so that its sender, who writes first and reads then, hears the answer. */
const drained = 2 ** 30;

export interface IncomingFiles {
  files: AsyncIterable<IncomingFile>;
  /** Throws away what was not read. Resolves when the body has ended, or too much of it came. */
  discard(): Promise<void>;
}

/** Throws an UploadError when the body is not multipart/form-data. */
export function incomingFiles(body: ReadableStream<Uint8Array> | null, contentType: string | undefined): IncomingFiles {
  if (!body || !/^multipart\/form-data\b.*boundary=/i.test(contentType ?? ''))
    throw new UploadError('An upload is sent as multipart/form-data with a file in it (curl -F file=@prompts.txt).');
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  const parser = new Busboy({
    headers: { 'content-type': contentType! },
    preservePath: true,
    limits: { fields: 0, files: 1000, parts: 1000, headerPairs: 100, headerSize: 8192 },
  });
  const waiting: { name: string; stream: BusboyFileStream }[] = [];
  const open = new Set<BusboyFileStream>();
  let wake = () => {};
  let ended = false;
  let failure: Error | undefined;
  let discarding = false;
  const end = (error?: Error) => {
    ended = true;
    failure ??= error;
    for (const stream of open) stream.destroy(failure ?? new Error('The upload broke off.'));
    wake();
  };
  parser.on('file', (_field, stream, name) => {
    open.add(stream);
    stream.on('error', () => {});
    stream.once('close', () => open.delete(stream));
    stream.once('end', () => open.delete(stream));
    if (discarding) stream.resume();
    else waiting.push({ name: name ?? '', stream });
    wake();
  });
  parser.on('finish', () => end());
  parser.on('error', (error) =>
    end(new UploadError(`The upload broke off or is not well-formed: ${(error as Error).message}.`)),
  );
  source.on('error', (error) => {
    end(error);
    parser.destroy();
  });
  source.pipe(parser);
  return {
    files: (async function* () {
      for (;;) {
        const next = waiting.shift();
        if (next) yield { name: next.name, bytes: next.stream };
        else if (failure) throw failure;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    })(),
    async discard() {
      if (source.destroyed || source.readableEnded) return;
      discarding = true;
      for (const { stream } of waiting) stream.resume();
      source.unpipe(parser);
      let bytes = 0;
      for await (const piece of source) {
        bytes += (piece as Uint8Array).byteLength;
        if (bytes > drained) return;
      }
    },
  };
}
