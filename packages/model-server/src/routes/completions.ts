import { randomUUID } from 'node:crypto';
import type { GenerationResult } from '@working-papers/models';
import type { Context } from 'hono';
import { ApiError } from '../api-error.ts';
import type { Exchange } from '../exchange.ts';
import { completionLogProbabilities } from '../log-probabilities.ts';
import { type CompletionsRequest, completionsSchema, listOf } from '../requests/completions.ts';
import { samplingOf, seedsOf } from '../requests/fields.ts';
import { readRequest } from '../requests/read.ts';
import { type Answer, refusing, type ServedDecoder } from '../served-decoder.ts';
import type { ServedModels } from '../served-models.ts';
import { type Env, finished, streamAnswer, usageOf } from '../stream.ts';
import { charactersOf, type ScoredToken } from '../token-texts.ts';

interface Prompt {
  ids: number[];
  /** What `echo` gives back. */
  text: string;
  scores: ScoredToken[];
}

/** POST /v1/completions */
export async function completions(c: Context<Env>, models: ServedModels): Promise<Response> {
  const exchange = c.get('exchange');
  const request = await readRequest(c, completionsSchema);
  refuse(request);
  const served = models.decoder(request.model);
  exchange.model = served.name;
  const { tokenizer } = served.model;
  const { echo, logprobs } = request;
  const prompts = promptsOf(request, served);
  const ids = prompts.map((prompt) => prompt.ids);
  exchange.promptTokens = ids.reduce((sum, { length }) => sum + length, 0);
  const choices = choicesOf(request, served, prompts, exchange);
  if (echo && logprobs !== undefined) await scorePrompts(prompts, served, logprobs, exchange.signal);
  const head = {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: served.name,
  };
  const scored = (tokens: readonly ScoredToken[], start = 0) =>
    logprobs === undefined ? null : completionLogProbabilities(tokenizer, tokens, start);
  const begin = ({ text, scores }: Prompt) => (echo ? { text, tokens: scores } : { text: '', tokens: [] });

  if (!request.stream) {
    const results: GenerationResult[] = [];
    const told = await Promise.all(
      choices.map(async ({ prompt, answer }, index) => {
        const echoed = begin(prompt);
        const start = charactersOf(echoed.text);
        let { text } = echoed;
        const tokens = [...echoed.tokens];
        const result = await read(answer, exchange, (piece) => {
          text += piece.text;
          tokens.push(...piece.tokens.map((token) => ({ ...token, offset: start + token.offset })));
        });
        if (result) results.push(result);
        return { index, text, logprobs: scored(tokens), finish_reason: finishReason(result) };
      }),
    );
    return c.json({ ...head, choices: told, usage: usageOf(ids, results) });
  }

  const withUsage = request.stream_options?.include_usage ?? false;
  return streamAnswer(c, exchange, async (send) => {
    const chunk = (told: unknown[], usage: unknown = null) =>
      send({ ...head, choices: told, ...(withUsage ? { usage } : {}) });
    const results = await Promise.all(
      choices.map(async ({ prompt, answer }, index) => {
        const tell = (text: string, tokens: readonly ScoredToken[], start: number, finish: string | null = null) =>
          chunk([{ index, text, logprobs: tokens.length > 0 ? scored(tokens, start) : null, finish_reason: finish }]);
        const echoed = begin(prompt);
        const start = charactersOf(echoed.text);
        if (echoed.text !== '') await tell(echoed.text, echoed.tokens, 0);
        const result = await read(answer, exchange, (piece) => tell(piece.text, piece.tokens, start));
        await tell('', [], start, finishReason(result));
        return result ? [result] : [];
      }),
    );
    if (withUsage) await chunk([], usageOf(ids, results.flat()));
  });
}

/** What would change the answer and is not done here is refused. */
function refuse({ suffix, best_of: best, n, max_tokens: most, echo }: CompletionsRequest): void {
  if (suffix) {
    throw new ApiError(400, 'suffix is not supported: the models here write what follows, not what lies between.', {
      param: 'suffix',
      code: 'unsupported_parameter',
    });
  }
  if (best !== undefined && best !== n) {
    throw new ApiError(400, `best_of is supported where it equals n (${n}); got ${best}. Leave it out.`, {
      param: 'best_of',
      code: 'unsupported_parameter',
    });
  }
  if (most === 0 && !echo) {
    throw new ApiError(400, 'max_tokens must be at least 1, or 0 with echo, which then gives the prompt alone.', {
      param: 'max_tokens',
      code: 'invalid_value',
    });
  }
}

function promptsOf(request: CompletionsRequest, served: ServedDecoder): Prompt[] {
  const { tokenizer } = served.model;
  const given = listOf(request.prompt);
  return given.map((prompt, index) => {
    const param = given.length === 1 ? 'prompt' : `prompt[${index}]`;
    const ids = typeof prompt === 'string' ? refusing(param, () => tokenizer.encode(prompt).ids) : prompt;
    served.room(ids, request.max_tokens, { param });
    const odd = ids.find((id) => id >= served.vocabulary);
    if (odd !== undefined) {
      throw new ApiError(400, `${param}: ${odd} is not a token id; the model has ${served.vocabulary} tokens.`, {
        param,
        code: 'invalid_value',
      });
    }
    const text = typeof prompt === 'string' ? prompt : tokenizer.decode(ids, { skipSpecialTokens: true });
    return { ids, text, scores: [] };
  });
}

interface Choice {
  prompt: Prompt;
  /** Nothing where no token is asked for. */
  answer: Answer | undefined;
}

/** The answers to all prompts, queued at once, those to one prompt beside each other. */
function choicesOf(
  request: CompletionsRequest,
  served: ServedDecoder,
  prompts: readonly Prompt[],
  exchange: Exchange,
): Choice[] {
  const { n, max_tokens: maxTokens, logprobs, structured_outputs: structured } = request;
  if (maxTokens === 0)
    return prompts.flatMap((prompt) => Array.from({ length: n }, () => ({ prompt, answer: undefined })));
  const options = {
    ...samplingOf(request),
    maxTokens,
    ...(structured ? { constraint: served.constraint(structured, 'structured_outputs') } : {}),
    ...(logprobs === undefined ? {} : { logProbabilities: logprobs }),
    signal: exchange.signal,
  };
  served.admit(prompts.length * n);
  const seeds = seedsOf(request);
  return prompts.flatMap((prompt) =>
    seeds.map((seed) => ({ prompt, answer: served.generate({ ...options, ids: prompt.ids, seed }) })),
  );
}

async function scorePrompts(
  prompts: readonly Prompt[],
  served: ServedDecoder,
  top: number,
  signal: AbortSignal,
): Promise<void> {
  served.admitScoring();
  for (const prompt of prompts) prompt.scores = await served.scorePrompt(prompt.ids, top, signal);
}

async function read(
  answer: Answer | undefined,
  exchange: Exchange,
  see: Parameters<typeof finished>[2],
): Promise<GenerationResult | undefined> {
  return answer && finished(answer, exchange, see);
}

const finishReason = (result: GenerationResult | undefined): string =>
  result === undefined || result.finish === 'length' ? 'length' : 'stop';
