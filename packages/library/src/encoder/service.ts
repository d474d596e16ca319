import { createServer, type Server, type Socket } from 'node:net';
import type { EncoderStatus } from '../types.ts';
import type { Embed } from './fill.ts';
import { type EncoderRequest, type EncoderResponse, encoderLimits, lineReader, packVector } from './protocol.ts';

/** Recent queries whose vectors are kept. */
const cacheSize = 2_000;

export interface EncoderService {
  readonly server: Server;
  connections(): number;
  close(): Promise<void>;
}

export interface EncoderServiceOptions {
  path: string;
  status(): EncoderStatus;
  /** The embedding function as soon as there is one; rejects with a sentence when there will be none. */
  ready(): Promise<Embed>;
}

/** Answers on a Unix socket. */
export async function serveEncoder({ path, status, ready }: EncoderServiceOptions): Promise<EncoderService> {
  const cache = new Map<string, Float32Array>();
  const sockets = new Set<Socket>();

  async function embed(texts: string[], wait: boolean): Promise<Float32Array[]> {
    if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string') || texts.length > encoderLimits.texts) {
      throw new Error(`The encoder takes a list of at most ${encoderLimits.texts} texts.`);
    }
    const now = status();
    if (now.state === 'unavailable' || (now.state === 'downloading' && !wait)) throw new Error(now.message);
    const missing = [...new Set(texts.filter((text) => !cache.has(text)))];
    const vectors = new Map<string, Float32Array>();
    if (missing.length > 0) {
      const made = await (await ready())(missing);
      missing.forEach((text, i) => {
        vectors.set(text, made[i]!);
      });
    }
    return texts.map((text) => {
      const vector = vectors.get(text) ?? cache.get(text)!;
      // Newest last; the oldest leaves.
      cache.delete(text);
      cache.set(text, vector);
      if (cache.size > cacheSize) cache.delete(cache.keys().next().value!);
      return vector;
    });
  }

  async function answer(request: EncoderRequest): Promise<EncoderResponse> {
    try {
      if (request.type === 'status') return { id: request.id, status: status() };
      if (request.type === 'embed') {
        return { id: request.id, vectors: (await embed(request.texts, request.wait ?? false)).map(packVector) };
      }
      throw new Error('The encoder knows "embed" and "status".');
    } catch (error) {
      return { id: request.id, error: (error as Error).message };
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const read = lineReader((line) => {
      void answer(JSON.parse(line) as EncoderRequest).then((response) => {
        if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
      });
    });
    socket.on('data', (chunk) => {
      try {
        read(chunk as Buffer);
      } catch {
        // Nobody of ours sends what is no JSON line.
        socket.destroy();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    server,
    connections: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
