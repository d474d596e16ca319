import { randomUUID } from 'node:crypto';
import type { GenerateOptions, GenerationResult } from '@working-papers/models';
import type { Context } from 'hono';
import { ApiError } from '../api-error.ts';
import { chatLogProbabilities } from '../log-probabilities.ts';
import { type ChatRequest, chatSchema } from '../requests/chat.ts';
import { samplingOf, seedsOf } from '../requests/fields.ts';
import { chatMessages } from '../requests/messages.ts';
import { readRequest } from '../requests/read.ts';
import { type Form, refusing, type ServedDecoder } from '../served-decoder.ts';
import type { ServedModels } from '../served-models.ts';
import { type Env, finished, streamAnswer, usageOf } from '../stream.ts';
import type { ScoredToken } from '../token-texts.ts';
import { opening, readCall, type ToolCall, ToolCallReader, type ToolUse, toolUseOf } from '../tools.ts';

/** POST /v1/chat/completions */
export async function chat(c: Context<Env>, models: ServedModels): Promise<Response> {
  const exchange = c.get('exchange');
  const request = await readRequest(c, chatSchema);
  const served = models.decoder(request.model);
  exchange.model = served.name;
  const { tokenizer } = served.model;
  const toolUse = toolUseOf(request, tokenizer);
  const prompt = promptOf(request, served, toolUse);
  exchange.promptTokens = prompt.length;
  const options = { ...optionsOf(request, served, prompt, toolUse), signal: exchange.signal };
  served.admit(request.n);
  const answers = seedsOf(request).map((seed) => served.generate({ ...options, seed }));
  const readers = answers.map(() => readerOf(toolUse));
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: served.name };
  const scored = (tokens: readonly ScoredToken[]) =>
    request.logprobs ? chatLogProbabilities(tokenizer, tokens) : null;

  if (!request.stream) {
    const results: GenerationResult[] = [];
    const choices = await Promise.all(
      answers.map(async (answer, index) => {
        const reader = readers[index]!;
        let content = '';
        const calls: ToolCall[] = [];
        const tokens: ScoredToken[] = [];
        const take = (said: ReturnType<Reader['end']>) => {
          content += said.text;
          calls.push(...said.calls);
        };
        const result = await finished(answer, exchange, (piece) => {
          take(reader.push(piece.text));
          tokens.push(...piece.tokens);
        });
        take(reader.end());
        results.push(result);
        return {
          index,
          message: {
            role: 'assistant',
            content: calls.length > 0 && content.trim() === '' ? null : content,
            refusal: null,
            ...(calls.length > 0 ? { tool_calls: calls.map(callOf) } : {}),
          },
          logprobs: scored(tokens),
          finish_reason: finishReason(result, calls.length),
        };
      }),
    );
    return c.json({ ...head, object: 'chat.completion', choices, usage: usageOf([prompt], results) });
  }

  const withUsage = request.stream_options?.include_usage ?? false;
  return streamAnswer(c, exchange, async (send) => {
    const chunk = (choices: unknown[], usage: unknown = null) =>
      send({ ...head, object: 'chat.completion.chunk', choices, ...(withUsage ? { usage } : {}) });
    const results = await Promise.all(
      answers.map(async (answer, index) => {
        const reader = readers[index]!;
        let calls = 0;
        const delta = (fields: object, tokens: readonly ScoredToken[] = [], finish: string | null = null) =>
          chunk([{ index, delta: fields, logprobs: tokens.length > 0 ? scored(tokens) : null, finish_reason: finish }]);
        const tell = async (said: ReturnType<Reader['end']>, tokens: readonly ScoredToken[]) => {
          if (said.text !== '' || tokens.length > 0) await delta({ content: said.text }, tokens);
          for (const call of said.calls) await delta({ tool_calls: [{ index: calls++, ...callOf(call) }] });
        };
        await delta({ role: 'assistant', content: '' });
        const result = await finished(answer, exchange, (piece) => tell(reader.push(piece.text), piece.tokens));
        await tell(reader.end(), []);
        await delta({}, [], finishReason(result, calls));
        return result;
      }),
    );
    if (withUsage) await chunk([], usageOf([prompt], results));
  });
}

/** The prompt's tokens, by the model's template; a call that must be made is begun in it. */
function promptOf(request: ChatRequest, served: ServedDecoder, toolUse: ToolUse | undefined): number[] {
  const { tokenizer } = served.model;
  if (tokenizer.missing || tokenizer.chatTemplate === undefined) {
    throw new ApiError(
      400,
      `"${served.name}" has no chat template, so it reads no messages. Send a prompt to /v1/completions.`,
      { param: 'model', code: 'model_not_supported' },
    );
  }
  const messages = chatMessages(request.messages);
  const { add_generation_prompt: begins, continue_final_message: continues } = request;
  return refusing('messages', () => {
    const text = tokenizer.applyChatTemplate(messages, {
      ...(begins === undefined ? {} : { addGenerationPrompt: begins }),
      continueFinalMessage: continues,
      ...(toolUse ? { tools: toolUse.tools } : {}),
      ...(request.chat_template_kwargs ? { variables: request.chat_template_kwargs } : {}),
    });
    // The template writes the special tokens itself.
    return tokenizer.encode(`${text}${toolUse?.forced ? `${opening}\n` : ''}`, { addSpecialTokens: false }).ids;
  });
}

function optionsOf(
  request: ChatRequest,
  served: ServedDecoder,
  prompt: number[],
  toolUse: ToolUse | undefined,
): GenerateOptions {
  const form = formOf(request, toolUse);
  if (request.top_logprobs !== undefined && !request.logprobs) {
    throw new ApiError(400, 'top_logprobs is of logprobs. Set logprobs to true, or leave top_logprobs out.', {
      param: 'top_logprobs',
      code: 'invalid_value',
    });
  }
  const asked = request.max_completion_tokens ?? request.max_tokens;
  return {
    ...samplingOf(request),
    ids: prompt,
    maxTokens: served.room(prompt, asked, { param: 'messages' }),
    ...(form ? { constraint: served.constraint(form.form, form.param) } : {}),
    ...(request.logprobs ? { logProbabilities: request.top_logprobs ?? 0 } : {}),
  };
}

/** The one form that the answer is held to, of the three fields that can ask for one. */
function formOf(
  { response_format: format, structured_outputs: structured }: ChatRequest,
  toolUse: ToolUse | undefined,
): { form: Form; param: string } | undefined {
  const asked: { form: Form; param: string }[] = [];
  if (format?.type === 'json_object') asked.push({ form: { json: { type: 'object' } }, param: 'response_format' });
  if (format?.type === 'json_schema')
    asked.push({ form: { json: format.json_schema.schema }, param: 'response_format' });
  if (structured) asked.push({ form: structured, param: 'structured_outputs' });
  if (toolUse && asked.length > 0) {
    throw new ApiError(
      400,
      `An answer that is held to ${asked[0]!.param} cannot call tools. Send one of the two, or tool_choice "none".`,
      { param: 'tools', code: 'invalid_value' },
    );
  }
  if (asked.length > 1) {
    throw new ApiError(400, 'Send one of response_format and structured_outputs, not both.', {
      param: 'structured_outputs',
      code: 'invalid_value',
    });
  }
  return toolUse?.forced ? { form: { json: toolUse.forced }, param: 'tools' } : asked[0];
}

type Reader = Pick<ToolCallReader, 'push' | 'end'>;

/** What makes text and calls of an answer's pieces. */
function readerOf(toolUse: ToolUse | undefined): Reader {
  if (toolUse?.forced) return forcedReader();
  if (toolUse) return new ToolCallReader();
  return { push: (text) => ({ text, calls: [] }), end: () => ({ text: '', calls: [] }) };
}

/** The prompt began the call, so that all that follows is its JSON. Cut short it is no call, and is given as text. */
function forcedReader(): Reader {
  let all = '';
  return {
    push(text) {
      all += text;
      return { text: '', calls: [] };
    },
    end() {
      const call = readCall(all);
      return call ? { text: '', calls: [call] } : { text: all, calls: [] };
    },
  };
}

const callOf = ({ name, arguments: given }: ToolCall) => ({
  id: `call_${randomUUID().replaceAll('-', '')}`,
  type: 'function',
  function: { name, arguments: given },
});

function finishReason({ finish }: GenerationResult, calls: number): string {
  if (finish === 'length') return 'length';
  return calls > 0 ? 'tool_calls' : 'stop';
}
