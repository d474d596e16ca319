/** The tensor of prompt and prefix tuning, as the PEFT layout calls it. */
export const promptEmbeddings = 'prompt_embeddings';

/** Throws a sentence where a number of virtual tokens is none. */
export function checkTokens(tokens: number): void {
  if (Number.isInteger(tokens) && tokens >= 1) return;
  throw new Error(`A prompt or prefix needs a whole number of at least 1 virtual tokens; got ${tokens}.`);
}
