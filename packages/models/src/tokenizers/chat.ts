import { chatTemplate } from './chat-template.ts';
import { isFields } from './fields.ts';
import type { ChatMessage, ChatOptions, TokenizerFiles } from './types.ts';

interface Chat {
  /** The template that stands for the model when none is named. */
  readonly source?: string;
  apply(messages: readonly ChatMessage[], options?: ChatOptions): string;
}

/** Ends the last message so that the place can be found again; transformers takes the same. */
const mark = 'CONTINUE_FINAL_MESSAGE_TAG ';

/** The chat templates of a tokenizer, applied as transformers' `apply_chat_template` does. */
export function createChat(files: TokenizerFiles, specialTokens: Record<string, string>): Chat {
  const sources = namedTemplates(files);
  const source = sources.default;
  const made = new Map<string, ReturnType<typeof chatTemplate>>();
  const templateOf = (options: ChatOptions) => {
    const name = options.template ?? (options.tools && sources.tool_use !== undefined ? 'tool_use' : 'default');
    const text = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (text === undefined) throw new Error(missing(name, Object.keys(sources)));
    if (!made.has(name)) made.set(name, chatTemplate(text, specialTokens));
    return { text, render: made.get(name)! };
  };
  return {
    ...(source === undefined ? {} : { source }),
    apply(messages, options = {}) {
      const { text, render } = templateOf(options);
      const continues = options.continueFinalMessage ?? false;
      if (continues && options.addGenerationPrompt)
        throw new Error('Either the last message is continued or a new one is begun; not both.');
      const variables = {
        tools: options.tools ?? null,
        documents: options.documents ?? null,
        ...options.variables,
        add_generation_prompt: options.addGenerationPrompt ?? !continues,
      };
      if (!continues) return render({ ...variables, messages: [...messages] }, options.now);
      const { marked, final } = markLast(messages);
      if (!text.includes('content'))
        throw new Error('The chat template takes no content, so no message can be continued.');
      return cutAtMark(render({ ...variables, messages: marked }, options.now), final);
    },
  };
}

function namedTemplates(files: TokenizerFiles): Record<string, string> {
  const named: Record<string, string> = { ...files.chatTemplates };
  const configured = files.config?.chat_template;
  if (typeof configured === 'string') named.default ??= configured;
  else if (Array.isArray(configured))
    for (const entry of configured) {
      const { name, template } = isFields(entry) ? entry : {};
      if (typeof name === 'string' && typeof template === 'string') named[name] ??= template;
    }
  if (files.chatTemplate !== undefined) named.default = files.chatTemplate;
  return named;
}

const missing = (name: string, names: readonly string[]): string =>
  names.length === 0
    ? 'This model has no chat template; give it plain text (raw) instead of messages.'
    : `This model has no chat template "${name}"; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`;

/** The messages with the mark at the end of the last one's text, and that text. */
function markLast(messages: readonly ChatMessage[]): { marked: ChatMessage[]; final: string } {
  const last = messages.at(-1);
  if (!last) throw new Error('There is no message to continue.');
  const { content } = last as { content: unknown };
  if (typeof content === 'string')
    return { marked: [...messages.slice(0, -1), { ...last, content: content + mark }], final: content };
  const blocks: unknown[] = Array.isArray(content) ? [...content] : [];
  const place = blocks.findLastIndex((block) => isFields(block) && typeof block.text === 'string');
  if (place < 0) throw new Error('The last message has no text to continue.');
  const block = blocks[place] as { text: string };
  blocks[place] = { ...block, text: block.text + mark };
  const marked = { ...last, content: blocks } as unknown as ChatMessage;
  return { marked: [...messages.slice(0, -1), marked], final: block.text };
}

function cutAtMark(prompt: string, final: string): string {
  const at = prompt.lastIndexOf(mark.trim());
  if (at < 0 || !prompt.includes(final.trim()))
    throw new Error('The chat template leaves out or changes the last message, so it cannot be continued.');
  // Without its space the mark was trimmed, and so would the message have been.
  return prompt.startsWith(mark, at) ? prompt.slice(0, at) : prompt.slice(0, at).trimEnd();
}
