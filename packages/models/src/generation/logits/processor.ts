/** Changes logits `[vocabulary]` in place before a choice: a penalty, a ban (-Infinity) or a warper of the distribution. */
export interface LogitsProcessor {
  readonly name: string;
  process(logits: Float32Array, context: LogitsContext): void;
}

export interface LogitsContext {
  /** Prompt and new tokens so far. */
  readonly ids: readonly number[];
  readonly promptLength: number;
}

export const forbiddenLogit = Number.NEGATIVE_INFINITY;
