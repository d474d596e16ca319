import type { DecoderModel } from '@working-papers/models';
import fc from 'fast-check';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTiny, type Served, startServer } from './testing/tiny-server.ts';
import { readCall, ToolCallReader } from './tools.ts';

const call = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": [2]}}\n</tool_call>';

function read(pieces: readonly string[]) {
  const reader = new ToolCallReader();
  const parts = [...pieces.map((piece) => reader.push(piece)), reader.end()];
  return { text: parts.map(({ text }) => text).join(''), calls: parts.flatMap(({ calls }) => calls) };
}

describe('calls in a text', () => {
  const add = { name: 'add', arguments: '{"a":1,"b":[2]}' };

  it('are parted from what is said', () => {
    expect(read([`Let me see.\n${call}\n${call}`])).toEqual({ text: 'Let me see.', calls: [add, add] });
    expect(read([`${call.replace('</tool_call>', '')}`])).toEqual({ text: '', calls: [add] });
    expect(read(['a < b \n'])).toEqual({ text: 'a < b \n', calls: [] });
    expect(read(['<tool_call>no JSON</tool_call> and'])).toEqual({
      text: '<tool_call>no JSON</tool_call> and',
      calls: [],
    });
    expect(read(['<tool_call>{"name": "add", "argum'])).toEqual({
      text: '<tool_call>{"name": "add", "argum',
      calls: [],
    });
    expect(readCall('{"name": "now"}')).toEqual({ name: 'now', arguments: '{}' });
    expect(readCall('[]')).toBeUndefined();
    expect(readCall('null')).toBeUndefined();
  });

  it('are the same however the text is cut', () => {
    const piece = fc.constantFrom(call, 'so ', '\n', '<tool', '_call>', '</tool_call>', '{"name":"x"}', '<', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.array(fc.nat(60), { maxLength: 8 }), (pieces, cuts) => {
        const text = pieces.join('');
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const cut = places.slice(1).map((place, index) => text.slice(places[index], place));
        expect(read(cut)).toEqual(read([text]));
      }),
      { numRuns: 300 },
    );
  });
});

describe('tools of a chat', () => {
  let model: DecoderModel;
  let deaf: DecoderModel;
  let served: Served;
  beforeAll(async () => {
    model = await openTiny();
    deaf = await openTiny({ template: '{% for m in messages %}{{ m.content }}{% endfor %}' });
    served = await startServer([
      { name: 'tiny', model },
      { name: 'deaf', model: deaf },
    ]);
  });
  afterAll(async () => {
    await served.server.close();
    model.close();
    deaf.close();
  });

  const tools: OpenAI.ChatCompletionTool[] = [
    {
      type: 'function',
      function: {
        name: 'add',
        parameters: {
          type: 'object',
          properties: { a: { type: 'integer', minimum: 0, maximum: 9 } },
          required: ['a'],
          additionalProperties: false,
        },
      },
    },
    {
      type: 'function',
      function: { name: 'now', parameters: { type: 'object', properties: {}, additionalProperties: false } },
    },
  ];
  const asked = {
    model: 'tiny',
    messages: [{ role: 'user' as const, content: 'Add.' }],
    tools,
    max_tokens: 50,
    seed: 1,
  };

  it('are called where a call must be made, in a stream as at once', async () => {
    const tool_choice = { type: 'function' as const, function: { name: 'add' } };
    const { choices } = await served.client.chat.completions.create({ ...asked, tool_choice });
    const [made] = choices[0]!.message.tool_calls!;
    expect(made).toMatchObject({ type: 'function', function: { name: 'add' } });
    const { arguments: given } = (made as OpenAI.ChatCompletionMessageFunctionToolCall).function;
    expect(JSON.parse(given)).toEqual({ a: expect.any(Number) });
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    const final = await served.client.chat.completions.stream({ ...asked, tool_choice }).finalChatCompletion();
    expect(final.choices[0]!.message.tool_calls).toMatchObject([{ function: { name: 'add', arguments: given } }]);
    const any = await served.client.chat.completions.create({ ...asked, tool_choice: 'required' });
    expect(any.choices[0]!.message.tool_calls).toMatchObject([
      { function: { name: expect.stringMatching(/^(add|now)$/) } },
    ]);
  });

  it('stand in the prompt unless none may be called', async () => {
    const count = async (fields: object) =>
      (await served.client.chat.completions.create({ ...asked, max_tokens: 1, ...fields })).usage!.prompt_tokens;
    const without = await count({ tools: undefined });
    expect(await count({ tool_choice: 'none' })).toBe(without);
    expect(await count({})).toBeGreaterThan(without + 100);
  });

  it('are answered in the next turn', async () => {
    const { choices } = await served.client.chat.completions.create({
      ...asked,
      messages: [
        ...asked.messages,
        {
          role: 'assistant',
          tool_calls: [{ id: '1', type: 'function', function: { name: 'add', arguments: '{"a": 2}' } }],
        },
        { role: 'tool', tool_call_id: '1', content: '2' },
      ],
      max_tokens: 2,
    });
    expect(choices).toHaveLength(1);
  });

  it.each([
    [{ model: 'deaf' }, /template of "deaf" does not tell its model how to call tools/],
    [{ tool_choice: { type: 'function', function: { name: 'sub' } } }, /"sub", which is not among the tools/],
    [{ tools: undefined, tool_choice: 'required' }, /asks for a tool/],
    [{ response_format: { type: 'json_object' } }, /held to response_format cannot call tools/],
  ])('are refused: %j', async (fields, sentence) => {
    await expect(
      served.client.chat.completions.create({ ...asked, ...fields } as OpenAI.ChatCompletionCreateParamsNonStreaming),
    ).rejects.toMatchObject({ status: 400, message: expect.stringMatching(sentence) });
  });
});
