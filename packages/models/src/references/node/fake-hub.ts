import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A hub for tests: one repository, with the hub's addresses, Range, and faults on demand. */
export interface FakeHub {
  url: string;
  commit: string;
  requests: { method: string; path: string; range?: string; authorisation?: string }[];
  /** Bytes after which the next answers with a large file break off; taken from the front. */
  breaks: number[];
  /** Every answer is this status. */
  status?: number;
  /** Bytes sent instead of a large file's own. */
  corrupt?: Buffer;
  /** Answers whole files to Range requests. */
  ignoresRange?: boolean;
  close(): Promise<void>;
}

export async function startFakeHub(repository: string, files: Record<string, Buffer>): Promise<FakeHub> {
  const commit = '0123456789abcdef0123456789abcdef01234567';
  const hub: FakeHub = { url: '', commit, requests: [], breaks: [], close: async () => undefined };
  const server = createServer((request, response) => answer(hub, repository, files, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return hub;
}

function answer(
  hub: FakeHub,
  repository: string,
  files: Record<string, Buffer>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = decodeURIComponent(request.url!.split('?')[0]!);
  const { range, authorization } = request.headers;
  hub.requests.push({
    method: request.method!,
    path,
    ...(range ? { range } : {}),
    ...(authorization ? { authorisation: authorization } : {}),
  });
  if (hub.status)
    return void response
      .writeHead(hub.status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ error: 'no' }));
  const json = (value: unknown) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (path.startsWith(`/api/models/${repository}/revision/`))
    return void json({
      _id: '1',
      id: repository,
      sha: hub.commit,
      lastModified: '2024-01-01',
      downloads: 0,
      likes: 0,
      gated: false,
      private: false,
    });
  if (path.startsWith(`/api/models/${repository}/tree/`))
    return void json(Object.entries(files).map(([name, content]) => treeEntry(name, content)));
  const prefix = `/${repository}/resolve/${hub.commit}/`;
  const content = path.startsWith(prefix) ? files[path.slice(prefix.length)] : undefined;
  if (!content) return void response.writeHead(404).end();
  sendFile(hub, content.length > 1000 ? (hub.corrupt ?? content) : content, range, response);
}

function treeEntry(path: string, content: Buffer) {
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const entry = { type: 'file', path, size: content.length, oid };
  if (!path.endsWith('.safetensors') && !path.endsWith('.gguf')) return entry;
  return {
    ...entry,
    lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 134 },
  };
}

function sendFile(hub: FakeHub, content: Buffer, range: string | undefined, response: ServerResponse): void {
  const start = range && !hub.ignoresRange ? Number(/bytes=(\d+)-/.exec(range)![1]) : 0;
  const body = content.subarray(start);
  const headers = start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {};
  response.writeHead(start > 0 ? 206 : 200, { ...headers, 'content-length': body.length });
  const cut = content.length > 1000 ? hub.breaks.shift() : undefined;
  if (cut === undefined) return void response.end(body);
  response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 100));
}
