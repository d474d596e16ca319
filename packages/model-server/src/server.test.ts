/** OpenAI's own client against the server, with a small model with random weights: what it says is what the model says. */
import type { DecoderModel, GenerateOptions, GenerationResult } from '@working-papers/models';
import Ajv from 'ajv';
import fc from 'fast-check';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openTiny, type Served, startServer } from './testing/tiny-server.ts';

let model: DecoderModel;
let served: Served;
let client: OpenAI;
beforeAll(async () => {
  model = await openTiny();
  served = await startServer([{ name: 'tiny', model }]);
  client = served.client;
});
afterAll(async () => {
  await served.server.close();
  model.close();
});

/** What the model says by itself. */
async function alone(options: GenerateOptions): Promise<GenerationResult> {
  const tokens = model.generate(options);
  while (true) {
    const { value, done } = await tokens.next();
    if (done) return value;
  }
}

const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Who are you?' },
];
const asked = { model: 'tiny', messages, max_tokens: 40 };
const said = { messages: messages as { role: string; content: string }[], maxTokens: 40 };

/** All that a stream of chat says of its choices. */
async function gathered(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  const choices: { content: string; tokens: OpenAI.ChatCompletionTokenLogprob[]; finish: string | null }[] = [];
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const { index, delta, logprobs, finish_reason: finish } of chunk.choices) {
      choices[index] ??= { content: '', tokens: [], finish: null };
      choices[index].content += delta.content ?? '';
      choices[index].tokens.push(...(logprobs?.content ?? []));
      choices[index].finish ??= finish;
    }
  }
  return { choices, usage };
}

describe('models', () => {
  it('are listed and described', async () => {
    const { data } = await client.models.list();
    expect(data).toMatchObject([{ id: 'tiny', object: 'model', owned_by: 'working-papers', max_model_len: 512 }]);
    expect(await client.models.retrieve('tiny')).toEqual(data[0]);
    await expect(client.models.retrieve('some/other')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('chat', () => {
  it('answers as the model does, with its tokens counted', async () => {
    const answer = await client.chat.completions.create({ ...asked, temperature: 0 });
    const expected = await alone(said);
    expect(answer.object).toBe('chat.completion');
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: expected.text, refusal: null },
        logprobs: null,
        finish_reason: expected.finish === 'length' ? 'length' : 'stop',
      },
    ]);
    expect(answer.usage).toMatchObject({
      prompt_tokens: expected.promptTokens.length,
      completion_tokens: expected.tokens.length,
      total_tokens: expected.promptTokens.length + expected.tokens.length,
    });
  });

  it('streams what it says at once, for every choice', async () => {
    const given = { ...asked, n: 3, seed: 5, logprobs: true, top_logprobs: 2, stop: ['d'] };
    const whole = await client.chat.completions.create(given);
    const { choices, usage } = await gathered(
      await client.chat.completions.create({ ...given, stream: true, stream_options: { include_usage: true } }),
    );
    expect(choices).toEqual(
      whole.choices.map(({ message, logprobs, finish_reason }) => ({
        content: message.content,
        tokens: logprobs?.content,
        finish: finish_reason,
      })),
    );
    const { prompt_tokens_details: _, ...counts } = whole.usage!;
    expect(usage).toMatchObject(counts);
    const plain = await gathered(await client.chat.completions.create({ ...given, stream: true }));
    expect(plain).toEqual({ choices, usage: undefined });
  });

  it('repeats itself with a seed, choice by choice, and draws otherwise', async () => {
    const text = async (fields: object) =>
      (await client.chat.completions.create({ ...asked, ...fields })).choices.map(({ message }) => message.content);
    const [first, second] = await text({ seed: 7, n: 2 });
    expect(await text({ seed: 7 })).toEqual([first]);
    expect(await text({ seed: 8 })).toEqual([second]);
    expect(first).not.toBe(second);
    expect(first).toBe((await alone({ ...said, temperature: 1, seed: 7 })).text);
    expect(new Set([...(await text({ n: 3 })), ...(await text({}))]).size).toBe(4);
  });

  it('gives log-probabilities that a pass over the whole text gives too', async () => {
    const { choices } = await client.chat.completions.create({ ...asked, seed: 3, logprobs: true, top_logprobs: 3 });
    const expected = await alone({ ...said, temperature: 1, seed: 3 });
    const prompt = expected.promptTokens;
    const scores = await model.logProbabilities([...prompt, ...expected.tokens], { top: 3 });
    const told = choices[0]!.logprobs!.content!;
    expect(told.flatMap(({ bytes }) => bytes ?? [])).toEqual(expected.tokens.filter((id) => id < 256));
    for (const [index, { logprob, top_logprobs: top }] of told.entries()) {
      const score = scores[prompt.length - 1 + index]!;
      expect(logprob).toBeCloseTo(score.logProbability, 3);
      expect(top.map(({ bytes }) => bytes?.[0])).toEqual(
        score.alternatives.map(({ id }) => (id < 256 ? id : undefined)),
      );
    }
  });

  it('passes on how a token is drawn', async () => {
    const fields = {
      seed: 4,
      temperature: 1.4,
      top_p: 0.9,
      presence_penalty: 0.5,
      frequency_penalty: 0.4,
      logit_bias: { 100: -100, 101: 5 },
      top_k: 40,
      min_p: 0.01,
      repetition_penalty: 1.1,
      ignore_eos: true,
      stop_token_ids: [119],
    };
    const { choices } = await client.chat.completions.create({ ...asked, ...fields });
    const expected = await alone({
      ...said,
      seed: 4,
      temperature: 1.4,
      topP: 0.9,
      topK: 40,
      minP: 0.01,
      presencePenalty: 0.5,
      frequencyPenalty: 0.4,
      repetitionPenalty: 1.1,
      logitBias: { 100: -100, 101: 5 },
      stopAtEnd: false,
      stopIds: [119],
    });
    expect(choices[0]!.message.content).toBe(expected.text);
    expect(choices[0]!.finish_reason).toBe(expected.finish);
  });

  it('takes parts of text, developers, nulls and what says nothing of the answer', async () => {
    const plain = await client.chat.completions.create({ ...asked, temperature: 0 });
    const other = await served.post('/v1/chat/completions', {
      model: 'tiny',
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
        { role: 'user', content: 'Who are you?' },
      ],
      max_completion_tokens: 40,
      temperature: 0,
      n: null,
      stop: null,
      tools: null,
      user: 'me',
      store: false,
      metadata: { a: 'b' },
    });
    expect(other.body).toMatchObject({ choices: plain.choices });
  });

  it('answers in JSON that is valid under a schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 8 },
        age: { type: 'integer', minimum: 0, maximum: 150 },
        tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 3 },
      },
      required: ['name', 'age', 'tags'],
      additionalProperties: false,
    };
    const valid = new Ajv.default().compile(schema);
    for (const seed of [1, 2, 3]) {
      const { choices } = await client.chat.completions.create({
        ...asked,
        max_tokens: 300,
        seed,
        response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
      });
      expect(choices[0]!.finish_reason).toBe('stop');
      expect(valid(JSON.parse(choices[0]!.message.content!)), JSON.stringify(valid.errors)).toBe(true);
    }
    const Verdict = z.object({ good: z.boolean(), stars: z.enum(['one', 'two']) });
    const parsed = await client.chat.completions.parse({
      ...asked,
      response_format: zodResponseFormat(Verdict, 'verdict'),
    });
    expect(Verdict.safeParse(parsed.choices[0]!.message.parsed).success).toBe(true);
    const object = await client.chat.completions.create({
      ...asked,
      response_format: { type: 'json_object' },
      seed: 2,
    });
    expect(object.choices[0]!.message.content).toMatch(/^\{/);
    const choice = { ...asked, structured_outputs: { choice: ['left', 'right'] } };
    expect((await client.chat.completions.create(choice)).choices[0]!.message.content).toMatch(/^(left|right)$/);
  });
});

describe('completions', () => {
  const prompt = 'Once upon';
  const given = { model: 'tiny', prompt, max_tokens: 9 };

  it('continue texts and tokens, several at once', async () => {
    const ids = model.tokenizer.encode(prompt).ids;
    const other = [104, 105];
    const { choices, usage } = await client.completions.create({
      ...given,
      prompt: [ids, other],
      n: 2,
      temperature: 0,
    });
    const expected = await Promise.all([ids, other].map((prompt) => alone({ ids: prompt, maxTokens: 9 })));
    expect(choices.map(({ index, text }) => [index, text])).toEqual(
      [0, 0, 1, 1].map((place, index) => [index, expected[place]!.text]),
    );
    expect(usage).toMatchObject({
      prompt_tokens: ids.length + 2,
      completion_tokens: 2 * expected.reduce((sum, { tokens }) => sum + tokens.length, 0),
    });
    const texts = await client.completions.create({ ...given, prompt: [prompt, 'hi'], temperature: 0 });
    expect(texts.choices.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
    const { max_tokens: _, ...open } = given;
    expect((await client.completions.create({ ...open, seed: 1 })).usage!.completion_tokens).toBeLessThanOrEqual(16);
  });

  it('echo the prompt, with how probable it is', async () => {
    const echoed = { ...given, prompt: 'Zoë 👋', echo: true, logprobs: 2, temperature: 0 };
    const { choices } = await client.completions.create(echoed);
    const { text, logprobs } = choices[0]!;
    const expected = await alone({ prompt: 'Zoë 👋', raw: true, maxTokens: 9 });
    expect(text).toBe(`Zoë 👋${expected.text}`);
    const ids = [...expected.promptTokens, ...expected.tokens];
    const scores = await model.logProbabilities(ids, { top: 2 });
    expect(logprobs!.token_logprobs![0]).toBeNull();
    for (const [index, value] of logprobs!.token_logprobs!.slice(1).entries())
      expect(value).toBeCloseTo(scores[index]!.logProbability, 3);
    // Characters, not UTF-16 units; a token inside a character stands where the character does.
    expect(logprobs!.text_offset!.slice(0, 9)).toEqual([0, 1, 2, 2, 3, 4, 4, 4, 4]);
    expect(logprobs!.text_offset![9]).toBe(5);
    expect(logprobs!.tokens!.slice(0, 4)).toEqual(['Z', 'o', 'bytes:\\xc3', 'bytes:\\xab']);

    const stream = await client.completions.create({ ...echoed, stream: true });
    const streamed = { text: '', tokens: [] as string[], offsets: [] as number[], finish: '' };
    for await (const { choices: parts } of stream) {
      streamed.text += parts[0]!.text;
      streamed.tokens.push(...(parts[0]!.logprobs?.tokens ?? []));
      streamed.offsets.push(...(parts[0]!.logprobs?.text_offset ?? []));
      streamed.finish = parts[0]!.finish_reason ?? streamed.finish;
    }
    expect(streamed).toEqual({
      text,
      tokens: logprobs!.tokens,
      offsets: logprobs!.text_offset,
      finish: choices[0]!.finish_reason,
    });

    const scored = await client.completions.create({ ...echoed, max_tokens: 0 });
    expect(scored.choices[0]).toMatchObject({ text: 'Zoë 👋', finish_reason: 'length' });
    expect(scored.choices[0]!.logprobs!.token_logprobs).toEqual(logprobs!.token_logprobs!.slice(0, 9));
    expect(scored.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 });
  });

  it('end at a stop text and tell none of its tokens', async () => {
    const free = await client.completions.create({ ...given, max_tokens: 30, temperature: 0, logprobs: 0 });
    const told = free.choices[0]!.text;
    // Two characters that stand nowhere before.
    const cut = Array.from({ length: told.length - 9 }, (_, i) => i + 8).find(
      (i) => told.indexOf(told.slice(i, i + 2)) === i && !told.slice(i, i + 2).includes('\ufffd'),
    )!;
    const stop = told.slice(cut, cut + 2);
    const stopped = await client.completions.create({ ...given, max_tokens: 30, temperature: 0, logprobs: 0, stop });
    const { text, finish_reason: finish, logprobs } = stopped.choices[0]!;
    expect([text, finish]).toEqual([told.slice(0, cut), 'stop']);
    expect(logprobs!.text_offset!.at(-1)).toBe(Array.from(text).length - 1);
    expect(logprobs!.tokens).toEqual(free.choices[0]!.logprobs!.tokens!.slice(0, logprobs!.tokens!.length));
  });
});

describe('what cannot be', () => {
  const chat = (fields: object) => ({ path: '/v1/chat/completions', body: { ...asked, ...fields } });
  const completion = (fields: object) => ({
    path: '/v1/completions',
    body: { model: 'tiny', prompt: 'a', max_tokens: 2, ...fields },
  });
  const user = (content: unknown) => [{ role: 'user', content }];

  const cases = [
    [chat({ model: 'gpt-4' }), 404, 'model', 'model_not_found', /"gpt-4" does not exist; here are "tiny"/],
    [chat({ model: undefined }), 400, 'model', 'invalid_value', /must name a model/],
    [chat({ temprature: 1 }), 400, 'temprature', 'unknown_parameter', /Unrecognized.*temprature/],
    [chat({ temperature: -1 }), 400, 'temperature', 'invalid_value', /temperature.*got -1/],
    [chat({ max_tokens: 500 }), 400, 'messages', 'context_length_exceeded', /maximum context length is 512 tokens/],
    [
      chat({ messages: user('x'.repeat(600)) }),
      400,
      'messages',
      'context_length_exceeded',
      /has 6\d\d and 40 more.*Shorten/,
    ],
    [
      chat({ messages: user([{ type: 'image_url', image_url: { url: 'data:' } }]) }),
      400,
      'messages[0].content[0]',
      'invalid_value',
      /image_url.*read text only/,
    ],
    [
      chat({ messages: [{ role: 'robot', content: '' }] }),
      400,
      'messages[0].role',
      'invalid_value',
      /must have a role/,
    ],
    [chat({ messages: [] }), 400, 'messages', 'invalid_value', /messages/],
    [chat({ logit_bias: { 9999: 1 } }), 400, null, 'invalid_value', /9999 is not a token id/],
    [chat({ top_logprobs: 2 }), 400, 'top_logprobs', 'invalid_value', /Set logprobs to true/],
    [chat({ n: 500 }), 400, 'n', 'invalid_value', /n: .*128.*got 500/],
    [
      chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } } }),
      400,
      'response_format',
      'invalid_value',
      /not/,
    ],
    [chat({ structured_outputs: { regex: '(a)\\1' } }), 400, 'structured_outputs', 'invalid_value', /./],
    [completion({ suffix: 'z' }), 400, 'suffix', 'unsupported_parameter', /suffix is not supported/],
    [completion({ best_of: 3 }), 400, 'best_of', 'unsupported_parameter', /equals n \(1\); got 3/],
    [completion({ prompt: '' }), 400, 'prompt', null, /no tokens/],
    [completion({ prompt: [1, 300] }), 400, 'prompt', 'invalid_value', /300 is not a token id/],
    [completion({ max_tokens: 0 }), 400, 'max_tokens', 'invalid_value', /at least 1, or 0 with echo/],
    [
      { path: '/v1/embeddings', body: { model: 'tiny', input: 'a' } },
      400,
      'model',
      'model_not_supported',
      /no embeddings/,
    ],
    [{ path: '/v1/embeddings', body: '{"a"' }, 400, null, null, /not JSON/],
    [{ path: '/v1/audio/speech', body: {} }, 404, null, null, /Invalid URL \(POST/],
  ] as const;
  it.each(cases.map((one) => [one[4], one] as const))(
    'is refused: %s',
    async (_, [{ path, body }, status, param, code, sentence]) => {
      const answer = await served.post(path, body);
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({
        error: { message: expect.stringMatching(sentence), type: 'invalid_request_error', param, code },
      });
    },
  );

  it('is never more than a refusal, whatever a field holds', async () => {
    const fields = [
      'messages',
      'prompt',
      'input',
      'model',
      'stop',
      'seed',
      'n',
      'logit_bias',
      'response_format',
      'tools',
    ];
    const others = ['tool_choice', 'structured_outputs', 'stream_options', 'chat_template_kwargs', 'temperature'];
    const name = fc.constantFrom(...fields, ...others, 'max_tokens', 'top_p', 'min_tokens', 'stop_token_ids', 'echo');
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom(0, -1, 1e308, 2 ** 53, '', [], {}, [[]], true),
      fc.record({ type: fc.constantFrom('json_schema', 'function', 'text'), json_schema: fc.jsonValue() }),
      fc.record({ json: fc.jsonValue() }),
      fc.record({ regex: fc.string() }),
      fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: fc.jsonValue() }), {
        maxLength: 3,
      }),
    );
    const path = fc.constantFrom('chat/completions', 'completions', 'embeddings');
    await fc.assert(
      fc.asyncProperty(path, fc.dictionary(name, value, { maxKeys: 2 }), async (route, odd) => {
        const sound = route === 'completions' ? { prompt: 'a' } : { messages };
        const { status, body } = await served.post(`/v1/${route}`, { model: 'tiny', max_tokens: 2, ...sound, ...odd });
        expect([200, 400, 404], JSON.stringify(body)).toContain(status);
        if (status !== 200)
          expect(body).toMatchObject({ error: { message: expect.any(String), type: 'invalid_request_error' } });
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it('is thrown by the client, as its errors', async () => {
    await expect(client.chat.completions.create({ ...asked, model: 'x' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(client.chat.completions.create({ ...asked, stream: true, max_tokens: 600 })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      param: 'messages',
    });
  });
});
