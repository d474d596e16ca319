/** Chat templates against transformers' apply_chat_template (fixtures/tokenizers/make-chats.py). */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createChat } from './chat.ts';
import { strftime } from './strftime.ts';
import type { ChatMessage, ChatOptions, TokenizerFiles } from './types.ts';

interface Settings {
  add_generation_prompt?: boolean;
  continue_final_message?: boolean;
  tools?: unknown[];
  documents?: unknown[];
  [variable: string]: unknown;
}
const fixture = JSON.parse(
  await readFile(new URL('../../fixtures/tokenizers/chats.json', import.meta.url), 'utf8'),
) as {
  special: Record<string, string>;
  templates: Record<string, string | null>;
  named: { name: string; template: string }[];
  chats: ChatMessage[][];
  settings: Settings[];
  rows: [name: string, chat: number, settings: number, text: string | null][];
};
const now = new Date(2024, 6, 26, 9, 5, 3);

function optionsOf(name: string, settings: Settings): ChatOptions {
  const { add_generation_prompt = false, continue_final_message = false, tools, documents, ...variables } = settings;
  return {
    addGenerationPrompt: add_generation_prompt,
    continueFinalMessage: continue_final_message,
    ...(tools ? { tools } : {}),
    ...(documents ? { documents } : {}),
    ...(documents && name === 'named' ? { template: 'rag' } : {}),
    variables,
    now,
  };
}

describe.each(Object.entries(fixture.templates))('a chat template in the manner of %s', (name, source) => {
  const tokenizer = { model: {} };
  const files: TokenizerFiles =
    source === null ? { tokenizer, config: { chat_template: fixture.named } } : { tokenizer, chatTemplate: source };
  const chat = createChat(files, fixture.special);
  const rows = fixture.rows.filter(([template]) => template === name);

  it.each(rows.map((row) => [row[1], row[2], row[3]] as const))(
    'conversation %i with settings %i',
    (messages, settings, expected) => {
      const apply = () => chat.apply(fixture.chats[messages]!, optionsOf(name, fixture.settings[settings]!));
      if (expected === null) expect(apply).toThrow(/[.]$/);
      else expect(apply()).toBe(expected);
    },
  );
});

describe('chat templates', () => {
  const chat = createChat({ tokenizer: {}, config: { chat_template: fixture.named } }, {});

  it('are told apart by name', () => {
    const [messages] = fixture.chats;
    expect(() => chat.apply(messages!, { template: 'none' })).toThrow(
      'This model has no chat template "none"; there are default, tool_use, rag.',
    );
    expect(() => createChat({ tokenizer: {} }, {}).apply(messages!)).toThrow(/no chat template; give it plain text/);
  });

  it('end in the model’s turn unless the last message is continued', () => {
    const messages: ChatMessage[] = [{ role: 'assistant', content: 'It is' }];
    expect(chat.apply(messages)).toMatch(/<\|im_start\|>assistant\n$/);
    expect(chat.apply(messages, { continueFinalMessage: true })).toMatch(/It is$/);
    expect(() => chat.apply(messages, { continueFinalMessage: true, addGenerationPrompt: true })).toThrow(/not both/);
    expect(() => chat.apply([], { continueFinalMessage: true })).toThrow(/no message to continue/);
  });
});

describe('strftime', () => {
  it('writes dates as Python does', () => {
    expect(strftime(now, '%Y-%m-%d %H:%M:%S %j %y %I%p %A %a %B %b %-d %e %% %Q')).toBe(
      '2024-07-26 09:05:03 208 24 09AM Friday Fri July Jul 26 26 % %Q',
    );
    expect(strftime(new Date(2023, 0, 1, 0, 30), '%j %-j %-d %I %p')).toBe('001 1 1 12 AM');
  });
});
