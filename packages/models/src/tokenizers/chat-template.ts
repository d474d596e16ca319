import { Template } from '@huggingface/jinja';
import type { ChatMessage } from './types.ts';

/**
 * A chat template made ready: messages in, prompt out, by Hugging Face's jinja with the names that transformers gives
 * a template (`messages`, `add_generation_prompt`, the special tokens). Throws a sentence when the template does not
 * parse or refuses the messages.
 */
export function chatTemplate(
  source: string,
  specialTokens: Record<string, string>,
): (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string {
  let template: Template | undefined;
  return (messages, addGenerationPrompt) => {
    try {
      template ??= new Template(source);
      return template.render({ ...specialTokens, messages: [...messages], add_generation_prompt: addGenerationPrompt });
    } catch (error) {
      throw new Error(`The model's chat template could not be applied: ${(error as Error).message}`, { cause: error });
    }
  };
}
