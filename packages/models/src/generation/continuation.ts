import type { Tokenizer } from '../tokenizers/types.ts';
import { chooser } from './choice.ts';
import { generationProblem, promptTokens } from './options.ts';
import { stopFilter } from './stop-texts.ts';
import type { ConstraintState, GeneratedToken, GenerateOptions, GenerationResult, NextToken } from './types.ts';
import { vocabularyOf } from './vocabulary.ts';

/** What a continuation needs of a model. */
export interface ContinuedModel {
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  readonly vocabulary: number;
}

/**
 * One request's way from prompt to end: it chooses a token from each answer of the model and says what became certain of the
 * text. Whoever holds it runs the model: alone, or many in the rows of one cache.
 */
export class Continuation {
  readonly options: GenerateOptions;
  readonly prompt: readonly number[];
  /** Most new tokens: what was asked for, within the context. */
  readonly limit: number;
  /** Tokens of the prompt that came from a cache of prefixes. */
  reusedTokens = 0;
  #finish: GenerationResult['finish'] | undefined;
  #text = '';
  #constraint: ConstraintState | undefined;
  readonly #ids: number[];
  readonly #choose;
  readonly #stream;
  readonly #stops;
  readonly #ends: ReadonlySet<number>;
  readonly #stopIds: ReadonlySet<number>;
  readonly #started = performance.now();
  #prefilled = this.#started;

  /** Throws a sentence for options that cannot be. */
  constructor(model: ContinuedModel, options: GenerateOptions) {
    const { tokenizer, contextLength, vocabulary } = model;
    this.options = options;
    this.prompt = promptTokens(model, options);
    const problem = generationProblem(options, this.prompt, { contextLength, vocabulary });
    if (problem) throw new Error(problem);
    this.limit = Math.min(options.maxTokens, contextLength - this.prompt.length);
    this.#ids = [...this.prompt];
    const constrained = options.constraint !== undefined;
    const endIds = options.stopAtEnd === false && !constrained ? [] : tokenizer.eosIds;
    this.#ends = new Set(endIds);
    this.#stopIds = new Set(options.stopIds);
    this.#choose = chooser(options, tokenizer.eosIds);
    this.#stream = tokenizer.decodeStream({ skipSpecialTokens: true });
    this.#stops = stopFilter(options.stop ?? []);
    this.#constraint = options.constraint?.begin(vocabularyOf(tokenizer, vocabulary));
  }

  /** Why it ended; undefined while it goes on. */
  get finish(): GenerationResult['finish'] | undefined {
    return this.#finish;
  }

  /** New tokens so far. */
  get tokens(): number[] {
    return this.#ids.slice(this.prompt.length);
  }

  /** The last token: what the model is to be stepped with. */
  get last(): number {
    return this.#ids.at(-1)!;
  }

  /** Tokens so far, the prompt's among them. */
  get length(): number {
    return this.#ids.length;
  }

  /** Chooses the token that follows from an answer's row. */
  async take(next: NextToken, row = 0): Promise<GeneratedToken> {
    const index = this.#ids.length - this.prompt.length;
    if (index === 0) this.#prefilled = performance.now();
    const context = { ids: this.#ids, promptLength: this.prompt.length };
    const chosen = await this.#choose(
      next,
      row,
      this.#constraint ? { ...context, constraint: this.#constraint } : context,
    );
    const { id } = chosen;
    this.#ids.push(id);
    const atEnd = this.#ends.has(id);
    const ended = atEnd || this.#stopIds.has(id);
    const passed = this.#stops.push(ended ? this.#stream.end() : this.#stream.push(id));
    if (this.#constraint && !atEnd) this.#constraint = this.#constraint.after(id);
    const whole = this.#constraint?.complete === true && !this.#constraint.open;
    const last = ended || whole || passed.stopped || index + 1 === this.limit;
    let piece = passed.text;
    let { stopped } = passed;
    if (last && !stopped) {
      if (!ended) {
        const rest = this.#stops.push(this.#stream.end());
        piece += rest.text;
        stopped = rest.stopped;
      }
      if (!stopped) piece += this.#stops.end();
    }
    this.#text += piece;
    if (last) this.#finish = stopped ? 'stop' : atEnd ? 'eos' : ended || whole ? 'stop' : 'length';
    return { ...chosen, text: piece, index };
  }

  /** The whole; `cancelled` where it has not ended by itself. */
  result(): GenerationResult {
    return {
      text: this.#text,
      promptTokens: [...this.prompt],
      tokens: this.tokens,
      finish: this.#finish ?? 'cancelled',
      reusedTokens: this.reusedTokens,
      seconds: {
        prefill: (this.#prefilled - this.#started) / 1000,
        decode: (performance.now() - this.#prefilled) / 1000,
      },
    };
  }
}
