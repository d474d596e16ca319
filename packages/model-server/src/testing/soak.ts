/** A hundred requests at once, a third of them given up half-way, again and again. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DecoderModel } from '@working-papers/models';
import { residentBytes } from '@working-papers/runtime/node';
import type OpenAI from 'openai';
import { expect } from 'vitest';
import { type Served, until } from './tiny-server.ts';

interface Asked {
  content: string;
  maxTokens: number;
  /** What the model says to it by itself. */
  text: string;
}

/** Uneven questions and the model's own greedy answers to them. */
export async function askAlone(model: DecoderModel, count: number, mostTokens: number): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (let i = 0; i < count; i++) {
    const content = `${'Tell me of number '.repeat(1 + (i % 4))}${i}.`;
    // Those that will be given up are long, so that there is something left to give up.
    const maxTokens = i % 3 === 0 ? 3 * mostTokens : 2 + ((i * 7) % (mostTokens - 1));
    const tokens = model.generate({ messages: [{ role: 'user', content }], maxTokens, temperature: 0 });
    let step = await tokens.next();
    while (!step.done) step = await tokens.next();
    asked.push({ content, maxTokens, text: step.value.text });
  }
  return asked;
}

/** One round: every answer that was waited for is the model's own, every other one its beginning. Gives how many were left half-way. */
export async function soakRound({ client, metric, server }: Served, asked: readonly Asked[]): Promise<number> {
  let left = 0;
  await Promise.all(
    asked.map(async ({ content, maxTokens, text }, index) => {
      const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content }];
      const request = { model: 'model', messages, max_tokens: maxTokens, temperature: 0 };
      if (index % 3 === 1) {
        const { choices } = await client.chat.completions.create(request);
        expect(choices[0]!.message.content).toBe(text);
        return;
      }
      const stream = await client.chat.completions.create({ ...request, stream: true });
      let said = '';
      for await (const { choices } of stream) {
        said += choices[0]!.delta.content ?? '';
        if (index % 3 === 0 && said.length >= text.length / 2) {
          left++;
          // Leaving the loop ends the connection.
          break;
        }
      }
      if (index % 3 === 0) expect(text.startsWith(said)).toBe(true);
      else expect(said).toBe(text);
    }),
  );
  await until(
    async () => server.running === 0 && (await metric('model_server_requests{model="model",state="decoding"}')) === 0,
  );
  return left;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap after a collection, and of the process. */
export function memory(): { heap: number; resident: number } {
  collect();
  return { heap: process.memoryUsage().heapUsed, resident: residentBytes() };
}
