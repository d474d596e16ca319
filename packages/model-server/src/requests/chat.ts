import { z } from 'zod';
import { generationFields, ignoredFields } from './fields.ts';
import { messageSchema } from './messages.ts';

const tool = z.strictObject({
  type: z.literal('function', { error: 'must be "function": no other tools are known here' }),
  function: z.strictObject({
    name: z.string().regex(/^[\w-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, underscores and dashes' }),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

export type Tool = z.infer<typeof tool>;

const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
  ],
  { error: 'must be none, auto, required or { type: "function", function: { name } }' },
);

const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().optional(),
      description: z.string().optional(),
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** The body of POST /v1/chat/completions. */
export const chatSchema = z.strictObject({
  ...generationFields,
  ...ignoredFields,
  messages: z.array(messageSchema).min(1).max(10_000),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(20).optional(),
  response_format: responseFormat.optional(),
  tools: z.array(tool).max(128).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  modalities: z.array(z.literal('text', { error: 'may name "text" only' })).optional(),
  add_generation_prompt: z.boolean().optional(),
  continue_final_message: z.boolean().default(false),
  chat_template_kwargs: z.record(z.string(), z.unknown()).optional(),
});

export type ChatRequest = z.infer<typeof chatSchema>;
