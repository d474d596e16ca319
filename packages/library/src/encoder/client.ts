import { connect, type Socket } from 'node:net';
import { encoderSocket } from '../database/sockets.ts';
import type { Encode, EncoderClient, EncoderStatus } from '../types.ts';
import { type EncoderRequest, type EncoderResponse, lineReader, unpackVector } from './protocol.ts';

const notRunning = 'The encoder is not running.';

interface Pending {
  resolve(response: EncoderResponse): void;
  reject(error: Error): void;
}

type WithoutId<T> = T extends { id: number } ? Omit<T, 'id'> : never;

/**
 * Talks to the encoder of a data folder. Connects with the first question and again after a break; holds the process only while
 * an answer is due.
 */
export function encoderClient({ dataFolder }: { dataFolder: string }): EncoderClient {
  const path = encoderSocket(dataFolder);
  const pending = new Map<number, Pending>();
  let connection: Promise<Socket> | undefined;
  let nextId = 1;

  const fail = (message: string) => {
    connection = undefined;
    for (const { reject } of pending.values()) reject(new Error(message));
    pending.clear();
  };

  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect(path);
      socket.once('connect', () => resolve(socket));
      socket.on('error', () => {
        reject(new Error(notRunning));
        fail(notRunning);
      });
      socket.on('close', () => fail('The encoder ended before it answered.'));
      const read = lineReader((line) => {
        const response = JSON.parse(line) as EncoderResponse;
        pending.get(response.id)?.resolve(response);
        pending.delete(response.id);
        if (pending.size === 0) socket.unref();
      });
      socket.on('data', (chunk) => {
        try {
          read(chunk as Buffer);
        } catch (error) {
          fail((error as Error).message);
          socket.destroy();
        }
      });
    });

  async function ask(question: WithoutId<EncoderRequest>, timeoutMs: number | undefined): Promise<EncoderResponse> {
    connection ??= open();
    const socket = await connection;
    const id = nextId++;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<EncoderResponse>((resolve, reject) => {
        pending.set(id, { resolve, reject });
        if (timeoutMs !== undefined) {
          timer = setTimeout(() => reject(new Error(`The encoder took longer than ${timeoutMs} ms.`)), timeoutMs);
        }
        socket.ref();
        socket.write(`${JSON.stringify({ id, ...question })}\n`);
      });
    } finally {
      clearTimeout(timer);
      pending.delete(id);
      if (pending.size === 0) socket.unref();
    }
  }

  return {
    async embed(texts, { timeoutMs, wait } = {}) {
      const response = await ask({ type: 'embed', texts: [...texts], ...(wait && { wait }) }, timeoutMs);
      if ('error' in response) throw new Error(response.error);
      if (!('vectors' in response)) throw new Error('The encoder answered something else than vectors.');
      return response.vectors.map(unpackVector);
    },
    async status(): Promise<EncoderStatus> {
      try {
        const response = await ask({ type: 'status' }, 5_000);
        if ('status' in response) return response.status;
        return { state: 'unavailable', message: 'The encoder does not tell its state.' };
      } catch (error) {
        return { state: 'unavailable', message: (error as Error).message };
      }
    },
    close() {
      void connection?.then(
        (socket) => socket.destroy(),
        () => {},
      );
    },
  };
}

/** The client as `search()` takes it. */
export function searchEncoder(client: EncoderClient, options: { timeoutMs?: number; wait?: boolean } = {}): Encode {
  return async (text) => (await client.embed([text], options))[0];
}
