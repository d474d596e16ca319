import type { RunContext } from './contract.ts';

/** Leaves a whole text as an artifact. */
export async function writeText(context: RunContext, name: string, mediaType: string, text: string): Promise<void> {
  const sink = context.write(name, mediaType);
  await sink.write(text);
  await sink.close();
}
