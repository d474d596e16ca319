/** Messages of a conversation as a chat template takes them. */
import type { ChatMessage } from '@working-papers/models';
import { z } from 'zod';
import { ApiError } from '../api-error.ts';

const part = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(part)], { error: 'must be a text or a list of parts' });

const toolCall = z.strictObject({
  id: z.string().optional(),
  type: z.literal('function').default('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

const text = (role: 'system' | 'developer' | 'user') =>
  z.strictObject({ role: z.literal(role), content, name: z.string().optional() });

export const messageSchema = z.discriminatedUnion(
  'role',
  [
    text('system'),
    text('developer'),
    text('user'),
    z.strictObject({
      role: z.literal('assistant'),
      content: content.nullish(),
      name: z.string().nullish(),
      refusal: z.string().nullish(),
      reasoning_content: z.string().nullish(),
      tool_calls: z.array(toolCall).nullish(),
      audio: z.null().optional(),
      function_call: z.null().optional(),
      annotations: z.unknown().optional(),
    }),
    z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string(), name: z.string().optional() }),
  ],
  { error: 'must have a role: system, developer, user, assistant or tool' },
);

export type Message = z.infer<typeof messageSchema>;

/**
 * The messages in a template's terms: text parts joined by line breaks, `developer` as `system` (which templates know), arguments of
 * earlier tool calls as objects. Throws a 400 for parts that are not text.
 */
export function chatMessages(messages: readonly Message[]): ChatMessage[] {
  return messages.map((message, index) => {
    const said = textOf(message.content ?? '', `messages[${index}].content`);
    if (message.role === 'assistant') {
      const calls = message.tool_calls?.map(({ function: called, ...call }, place) => ({
        ...call,
        function: {
          name: called.name,
          arguments: argumentsOf(called.arguments, `messages[${index}].tool_calls[${place}].function.arguments`),
        },
      }));
      return {
        role: 'assistant',
        content: said,
        ...(message.name ? { name: message.name } : {}),
        ...(message.reasoning_content ? { reasoning_content: message.reasoning_content } : {}),
        ...(calls?.length ? { tool_calls: calls } : {}),
      };
    }
    const role = message.role === 'developer' ? 'system' : message.role;
    return { ...message, role, content: said };
  });
}

function textOf(given: string | readonly z.infer<typeof part>[], param: string): string {
  if (typeof given === 'string') return given;
  const texts = given.map(({ type, ...fields }, index) => {
    const said = type === 'text' ? fields.text : type === 'refusal' ? fields.refusal : undefined;
    if (typeof said === 'string') return said;
    const what = type === 'text' || type === 'refusal' ? `has no ${type}` : `is of type "${type.slice(0, 50)}"`;
    throw new ApiError(400, `${param}[${index}] ${what}: the models here read text only. Send parts of type "text".`, {
      param: `${param}[${index}]`,
      code: 'invalid_value',
    });
  });
  return texts.join('\n');
}

function argumentsOf(text: string, param: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch {
    throw new ApiError(400, `${param} must be JSON.`, { param, code: 'invalid_value' });
  }
}
