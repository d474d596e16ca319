import type { EncoderModel } from '@working-papers/models';
import pLimit from 'p-limit';
import { ApiError } from './api-error.ts';
import { fullQueue, refusing } from './served-decoder.ts';

/** An encoder that many requests share: they take turns, so that memory is bounded by one of them. */
export class ServedEncoder {
  readonly kind = 'encoder';
  readonly name: string;
  readonly model: EncoderModel;
  readonly #queueLimit: number;
  readonly #turns = pLimit(1);

  constructor(name: string, model: EncoderModel, { queueLimit }: { queueLimit: number }) {
    this.name = name;
    this.model = model;
    this.#queueLimit = queueLimit;
  }

  get contextLength(): number {
    return this.model.contextLength;
  }

  get waiting(): number {
    return this.#turns.pendingCount;
  }

  /** Throws a 429 where too many wait already. */
  admit(): void {
    if (this.#turns.activeCount + this.#turns.pendingCount > this.#queueLimit) throw fullQueue(this.name, this.waiting);
  }

  /** The tokens of each text; token ids are taken as they are. Throws a 400 for one that is empty, too long or has odd ids. */
  tokens(inputs: readonly (string | number[])[]): number[][] {
    const { contextLength, config, tokenizer } = this.model;
    return inputs.map((input, index) => {
      const param = inputs.length === 1 ? 'input' : `input[${index}]`;
      if (input.length === 0) throw new ApiError(400, `${param} is empty.`, { param, code: 'invalid_value' });
      const ids =
        typeof input === 'string'
          ? refusing(param, () => tokenizer.encode(input, { maxLength: Number.MAX_SAFE_INTEGER }).ids)
          : input;
      if (ids.length > contextLength) {
        throw new ApiError(
          400,
          `This model's maximum context length is ${contextLength} tokens; ${param} has ${ids.length}. Shorten it or send it in parts.`,
          { param, code: 'context_length_exceeded' },
        );
      }
      const odd = ids.find((id) => id >= config.vocab_size);
      if (odd !== undefined) {
        throw new ApiError(400, `${param}: ${odd} is not a token id; the model has ${config.vocab_size} tokens.`, {
          param,
          code: 'invalid_value',
        });
      }
      return ids;
    });
  }

  embed(ids: readonly number[][], signal: AbortSignal): Promise<Float32Array[]> {
    return this.#turns(() => this.model.embedIds(ids, { signal }));
  }

  /** Waits for those whose turn it is; their signals are to be aborted first. */
  async close(): Promise<void> {
    await this.#turns(() => {});
  }
}
