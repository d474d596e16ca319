import type { DecoderModel, GeneratedToken, GenerateOptions, GenerationResult, NextToken } from '../types.ts';
import { likeliestCount } from './likeliest.ts';
import { type Choice, sample, sampleLikeliest, seededUniform } from './sampling.ts';
import { stopFilter } from './stop-texts.ts';

type Generator = Pick<DecoderModel, 'tokenizer' | 'contextLength' | 'createCache' | 'prefill' | 'step'> & {
  readonly vocabulary: number;
};

/** The prompt's tokens, by chat template, as raw text or as given. */
export function promptTokens(model: Pick<DecoderModel, 'tokenizer'>, options: GenerateOptions): number[] {
  const { tokenizer } = model;
  const given = [options.prompt, options.ids, options.messages].filter((value) => value !== undefined).length;
  if (given !== 1) throw new Error(`Give one of prompt, messages and ids; got ${given} of them.`);
  if (options.ids) return [...options.ids];
  if (options.prompt !== undefined && (options.raw || !tokenizer.chatTemplate)) {
    return tokenizer.encode(options.prompt).ids;
  }
  const messages = options.messages ?? [{ role: 'user', content: options.prompt! }];
  // The template writes the special tokens itself.
  return tokenizer.encode(tokenizer.applyChatTemplate(messages), { addSpecialTokens: false }).ids;
}

/** A sentence for the first option that cannot be, or nothing. */
export function generationProblem(
  options: GenerateOptions,
  prompt: readonly number[],
  limits: { contextLength: number; vocabulary: number },
): string | undefined {
  const { maxTokens, temperature = 0, topK = 0, topP = 1, seed = 0 } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    return `maxTokens must be a whole number of at least 1; got ${maxTokens}.`;
  if (!(temperature >= 0) || temperature === Number.POSITIVE_INFINITY)
    return `temperature must be 0 (greedy) or more; got ${temperature}.`;
  if (!Number.isInteger(topK) || topK < 0) return `topK must be a whole number, 0 for all tokens; got ${topK}.`;
  if (!(topP > 0 && topP <= 1)) return `topP must be above 0 and at most 1; got ${topP}.`;
  if (!Number.isInteger(seed)) return `seed must be a whole number; got ${seed}.`;
  if (prompt.length === 0) return 'The prompt is empty: there is nothing to continue. Give at least one token.';
  if (prompt.length >= limits.contextLength) {
    return `The prompt has ${prompt.length} tokens; the model's context holds ${limits.contextLength}, at least one of them new. Shorten the prompt.`;
  }
  const odd = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= limits.vocabulary);
  if (odd !== undefined) return `${odd} is not a token id; the model has ${limits.vocabulary} tokens.`;
  return undefined;
}

/** Continues a prompt token by token; returns the whole when it ends. An abort ends it with `finish: 'cancelled'`. */
export async function* generate(
  model: Generator,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, GenerationResult> {
  const { tokenizer, contextLength, vocabulary } = model;
  const prompt = promptTokens(model, options);
  const problem = generationProblem(options, prompt, { contextLength, vocabulary });
  if (problem) throw new Error(problem);

  const limit = Math.min(options.maxTokens, contextLength - prompt.length);
  const choose = chooser(options);
  const stream = tokenizer.decodeStream({ skipSpecialTokens: true });
  const stops = stopFilter(options.stop ?? []);
  const endIds = new Set(options.stopAtEnd === false ? [] : tokenizer.eosIds);
  const cache = model.createCache(prompt.length + limit);
  const tokens: number[] = [];
  const result = (finish: GenerationResult['finish']): GenerationResult => ({
    text,
    promptTokens: prompt,
    tokens,
    finish,
    seconds: { prefill: (prefilled - started) / 1000, decode: (performance.now() - prefilled) / 1000 },
  });
  let text = '';
  const started = performance.now();
  let prefilled = started;
  try {
    let next = await model.prefill(cache, prompt, { signal: options.signal });
    prefilled = performance.now();
    while (true) {
      const choice = await choose(next, [...prompt, ...tokens], tokens.length);
      tokens.push(choice.id);
      const ended = endIds.has(choice.id);
      const passed = stops.push(ended ? stream.end() : stream.push(choice.id));
      const last = ended || passed.stopped || tokens.length === limit;
      let piece = passed.text;
      if (last && !passed.stopped) {
        if (!ended) {
          const rest = stops.push(stream.end());
          piece += rest.text;
          passed.stopped = rest.stopped;
        }
        if (!passed.stopped) piece += stops.end();
      }
      text += piece;
      const token: GeneratedToken = { id: choice.id, text: piece, index: tokens.length - 1 };
      if (choice.logProbability !== undefined) token.logProbability = choice.logProbability;
      yield token;
      if (last) return result(passed.stopped ? 'stop' : ended ? 'eos' : 'length');
      next = await model.step(cache, [choice.id], { signal: options.signal });
    }
  } catch (error) {
    if (options.signal?.aborted) return result('cancelled');
    throw error;
  } finally {
    cache.release();
  }
}

type Chooser = (
  next: NextToken,
  ids: number[],
  step: number,
) => Promise<{ id: number; logProbability?: number }> | { id: number; logProbability?: number };

/**
 * Greedy takes the graph's own choice, and sampling draws among the likeliest tokens that a graph found; JavaScript sees
 * all logits where a processor wants them or the draw falls beyond those tokens.
 */
function chooser(options: GenerateOptions): Chooser {
  const { temperature = 0, topK = 0, topP = 1, seed = 0, processLogits } = options;
  if (temperature === 0 && !processLogits) return (next) => ({ id: next.ids[0]! });
  const uniform = seededUniform(seed);
  return async (next, ids, step): Promise<Choice | { id: number }> => {
    options.signal?.throwIfAborted();
    if (!processLogits && topK <= likeliestCount && next.likeliest) {
      const likeliest = await next.likeliest(temperature);
      return sampleLikeliest(likeliest, next.logits, { temperature, topK, topP }, uniform());
    }
    const logits = next.logits();
    if (processLogits) await processLogits(logits, { ids, step });
    return temperature === 0 ? { id: greedy(logits) } : sample(logits, { temperature, topK, topP }, uniform);
  };
}

function greedy(logits: Float32Array): number {
  let best = -1;
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! > (best < 0 ? Number.NEGATIVE_INFINITY : logits[best]!)) best = id;
  }
  if (best < 0) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
  return best;
}
