/**
 * What every engine under measurement speaks: the parent starts it as a process and writes one request a line to its standard input; the
 * engine answers each with a line of JSON on descriptor 3, so that whatever a library prints goes elsewhere. protocol.py says the same.
 * First, unasked: { seconds, version } when the model is loaded. Then, for
 * { kind: 'tokens', prompts, steps }: { prefill, decode }: seconds until the first token of every prompt is known, and seconds a step,
 *   over `steps` steps after one that is not counted; all prompts are of one length and step together; 0 steps: prefill alone;
 * { kind: 'nll', windows }: { sum, count }: -ln p of every token of each window but its first;
 * { kind: 'embed', texts, how }: { seconds }: how is 'alone' (one text after the other) or 'together';
 * and { error } for what the engine cannot do.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const reply = (message) => writeSync(3, `${JSON.stringify(message)}\n`);

/** @param {{ version: string, load(): Promise<Record<string, (message: any) => Promise<object>>> }} engine */
export async function serve({ version, load }) {
  const started = performance.now();
  const measurements = await load();
  reply({ seconds: (performance.now() - started) / 1000, version });
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    try {
      if (!measurements[message.kind]) throw new Error(`${version} has no measurement '${message.kind}' here`);
      reply(await measurements[message.kind](message));
    } catch (error) {
      reply({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

export const secondsOf = async (work) => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

/** Sum of -ln p of ids[1..] under logits `[ids.length, vocabulary]`, one row after another. */
export function nllOf(logits, ids, vocabulary) {
  let sum = 0;
  for (let place = 0; place + 1 < ids.length; place++) {
    const row = logits.subarray(place * vocabulary, (place + 1) * vocabulary);
    let top = Number.NEGATIVE_INFINITY;
    for (const value of row) if (value > top) top = value;
    let total = 0;
    for (const value of row) total += Math.exp(value - top);
    sum += top + Math.log(total) - row[ids[place + 1]];
  }
  return sum;
}

/** In batches of 32, the shortest first. */
export function lengthSortedBatches(texts) {
  const sorted = [...texts].sort((a, b) => a.length - b.length);
  return Array.from({ length: Math.ceil(sorted.length / 32) }, (_, i) => sorted.slice(i * 32, i * 32 + 32));
}
