/**
 * Calls of functions in the form that the templates of Hermes, Qwen and SmolLM3 teach their models:
 * `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.
 */
import type { Tokenizer } from '@working-papers/models';
import { ApiError } from './api-error.ts';
import type { ChatRequest, Tool } from './requests/chat.ts';

export const opening = '<tool_call>';
const closing = '</tool_call>';

export interface ToolCall {
  name: string;
  /** JSON. */
  arguments: string;
}

/** What a request's tools mean for its answer. */
export interface ToolUse {
  /** Given to the template. */
  tools: readonly Tool[];
  /** A call must be made: the schema that it follows. */
  forced: object | undefined;
}

const known = new WeakMap<Tokenizer, boolean>();

/** Nothing where no tool may be called. Throws a 400 where the model's template teaches no calls that are read here. */
export function toolUseOf(request: ChatRequest, tokenizer: Tokenizer): ToolUse | undefined {
  const { tools = [], tool_choice: choice = 'auto' } = request;
  if (typeof choice === 'object' || choice === 'required') {
    const named = typeof choice === 'object' ? choice.function.name : undefined;
    if (tools.length === 0 || (named && !tools.some((tool) => tool.function.name === named))) {
      throw new ApiError(
        400,
        `tool_choice asks for ${named ? `"${named}"` : 'a tool'}, which is not among the tools.`,
        {
          param: 'tool_choice',
          code: 'invalid_value',
        },
      );
    }
  }
  if (tools.length === 0 || choice === 'none') return undefined;
  if (!teachesCalls(tokenizer)) {
    throw new ApiError(
      400,
      `The chat template of "${request.model}" does not tell its model how to call tools as ${opening}...${closing}, the form that is read here. Send no tools, or tool_choice "none".`,
      { param: 'tools', code: 'unsupported_parameter' },
    );
  }
  if (choice === 'auto') return { tools, forced: undefined };
  const called = choice === 'required' ? tools : tools.filter((tool) => tool.function.name === choice.function.name);
  return { tools, forced: { anyOf: called.map(callSchema) } };
}

function callSchema({ function: { name, parameters } }: Tool) {
  return {
    type: 'object',
    properties: { name: { const: name }, arguments: parameters ?? { type: 'object' } },
    required: ['name', 'arguments'],
    additionalProperties: false,
  };
}

/** Whether the template writes a tool into the prompt, and the tags of a call with it. */
function teachesCalls(tokenizer: Tokenizer): boolean {
  let teaches = known.get(tokenizer);
  if (teaches === undefined) {
    const name = 'a_tool_to_see_what_the_template_does';
    const parameters = { type: 'object', properties: {} };
    try {
      const prompt = tokenizer.applyChatTemplate([{ role: 'user', content: '' }], {
        tools: [{ type: 'function', function: { name, description: '', parameters } }],
      });
      teaches = prompt.includes(name) && prompt.includes(opening);
    } catch {
      teaches = false;
    }
    known.set(tokenizer, teaches);
  }
  return teaches;
}

/** A call from the text between the tags; undefined where it is none. */
export function readCall(text: string): ToolCall | undefined {
  try {
    const { name, arguments: given } = JSON.parse(text) as Record<string, unknown>;
    return typeof name === 'string' ? { name, arguments: JSON.stringify(given ?? {}) } : undefined;
  } catch {
    return undefined;
  }
}

/** Parts text that arrives in pieces into what is said and what is called. */
export class ToolCallReader {
  #held = '';
  #inside = false;

  push(text: string): { text: string; calls: ToolCall[] } {
    this.#held += text;
    let said = '';
    const calls: ToolCall[] = [];
    while (true) {
      const place = this.#held.indexOf(this.#inside ? closing : opening);
      if (place < 0) break;
      const before = this.#held.slice(0, place);
      this.#held = this.#held.slice(place + (this.#inside ? closing : opening).length);
      if (this.#inside) {
        const call = readCall(before);
        if (call) calls.push(call);
        else said += `${opening}${before}${closing}`;
      } else said += before.trimEnd();
      this.#inside = !this.#inside;
    }
    if (!this.#inside) {
      const certain = this.#held.length - uncertain(this.#held);
      said += this.#held.slice(0, certain);
      this.#held = this.#held.slice(certain);
    }
    return { text: said, calls };
  }

  /** What was held back when the text ended; a call whose end tag did not come is one if it is whole. */
  end(): { text: string; calls: ToolCall[] } {
    const call = this.#inside ? readCall(this.#held) : undefined;
    return call ? { text: '', calls: [call] } : { text: `${this.#inside ? opening : ''}${this.#held}`, calls: [] };
  }
}

/** Length of the end of a text that may belong to a call: white space and the beginning of the tag. */
function uncertain(text: string): number {
  for (let length = Math.min(opening.length - 1, text.length); length > 0; length--) {
    if (opening.startsWith(text.slice(-length))) {
      const before = text.slice(0, -length);
      return length + before.length - before.trimEnd().length;
    }
  }
  return text.length - text.trimEnd().length;
}
