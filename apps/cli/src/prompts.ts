/** The prompt of a command: a text, a file, or token ids as they are. */
import type { Command } from 'commander';
import { textOf } from './arguments.ts';
import { promptTokens, type SpeakingModel } from './open-model.ts';
import { CommandError, UsageError } from './problems.ts';
import { tokenTable } from './token-tables.ts';

export interface PromptOptions {
  prompt?: string;
  promptFile?: string;
  tokens?: string;
  raw?: boolean;
}

export function addPromptOptions(command: Command): Command {
  return command
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'the prompt from a file, "-" for standard input')
    .option('--tokens <ids>', 'the prompt as token ids "1,2,3"; needs no tokenizer')
    .option('--raw', 'the prompt as it is, without the chat template');
}

/** The text or the ids that were given; a sentence unless it is one of them. */
export async function promptOf(
  { prompt, promptFile, tokens }: PromptOptions,
  command: string,
): Promise<{ text: string; ids?: undefined } | { ids: number[] }> {
  const given = [prompt, promptFile, tokens].filter((value) => value !== undefined).length;
  if (given === 0) {
    throw new UsageError(
      `A prompt is missing. Give --prompt TEXT, --prompt-file FILE or --tokens 1,2,3. See "papers ${command} --help".`,
    );
  }
  if (given > 1) throw new UsageError('Give one of --prompt, --prompt-file and --tokens, not both.');
  if (tokens !== undefined) return { ids: tokenRow(tokens, '--tokens') };
  return { text: prompt ?? (await textOf(promptFile!, '--prompt-file')) };
}

/** "1,2,3" as one row of ids. */
export function tokenRow(text: string, flag: string): number[] {
  const rows = tokenTable(text, flag);
  if (rows.length !== 1) throw new UsageError(`${flag} takes one row of ids; got ${rows.length}.`);
  return rows[0]!;
}

export function promptIds(model: SpeakingModel, prompt: Awaited<ReturnType<typeof promptOf>>, raw: boolean): number[] {
  return prompt.ids ?? promptTokens(model, prompt.text, raw);
}

/** `--decoder-tokens` as ids, none where it is not given; refused where the model has no encoder beside its decoder. */
export function decoderTokens(model: SpeakingModel, text: string | undefined): number[] {
  if (text === undefined) return [];
  if (model.kind === 'seq2seq') return tokenRow(text, '--decoder-tokens');
  throw new CommandError(`--decoder-tokens is for an encoder with a decoder; "${model.reference}" is a decoder alone.`);
}

/** A token's text; nothing where the model has no tokenizer. */
export function tokenText(model: SpeakingModel, id: number): string {
  return model.tokenizer.missing ? '' : model.tokenizer.decode([id]);
}
