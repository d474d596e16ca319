/**
 * What every engine under measurement speaks: the parent forks it, and sends one measurement at a time.
 * { kind: 'prefill' } -> seconds for 512 prompt tokens; { kind: 'decode' } -> seconds a token at 512 cached tokens, 128 steps;
 * { kind: 'embed', texts } -> seconds for all texts.
 */
export const promptTokens = 512;
export const newTokens = 128;

/** The same ids for every engine: SmolLM2's ordinary vocabulary, no special tokens. */
export const promptIds = Array.from({ length: promptTokens }, (_, i) => ((i * 7919 + 13) % 49000) + 17);

/** @param {{ name: string, load(): Promise<Record<string, (message: any) => Promise<number>>> }} engine */
export async function serve(engine) {
  const started = performance.now();
  const measurements = await engine.load();
  process.send({ ready: true, seconds: (performance.now() - started) / 1000, bytes: process.memoryUsage.rss() });
  process.on('message', async (message) => {
    try {
      process.send({ seconds: await measurements[message.kind](message), bytes: process.memoryUsage.rss() });
    } catch (error) {
      process.send({ error: error instanceof Error ? error.message : String(error) });
    }
  });
}

export const secondsOf = async (work) => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};
