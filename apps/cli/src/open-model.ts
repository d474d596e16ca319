/** A model opened for one command, with progress on standard error. */
import type { DecoderModel, EncoderModel, Model, Weights } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { CommandError } from './problems.ts';
import { defaultDecoder, defaultEncoder, modelFolder } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface ModelOptions {
  weights?: Weights | undefined;
  threads?: number | undefined;
  /** Parts by kind: { attention: 'lm-infinite' }. */
  parts?: Record<string, string>;
}

async function withModel<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: Model) => Promise<T>,
): Promise<T> {
  const { weights, threads, parts = {} } = options;
  const named = Object.keys(parts).length > 0;
  const model = await openModel(reference, {
    ...(weights === undefined ? {} : { weights }),
    ...(threads === undefined ? {} : { threads }),
    ...(named ? { parts, partsByName: await (await import('@working-papers/methods')).loadParts() } : {}),
    cacheFolder: modelFolder(),
    signal: terminal.signal,
    onProgress: (progress) => terminal.progress(progress),
  });
  terminal.endProgress();
  for (const note of model.notes) terminal.note(note);
  try {
    return await work(model);
  } finally {
    terminal.endProgress();
    model.close();
  }
}

export function withDecoder<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: DecoderModel) => Promise<T>,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'decoder') return work(model);
    throw new CommandError(`"${reference}" is an encoder; this command needs a decoder such as ${defaultDecoder}.`);
  });
}

export function withEncoder<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: EncoderModel) => Promise<T>,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'encoder') return work(model);
    throw new CommandError(`"${reference}" is a decoder; this command needs an encoder such as ${defaultEncoder}.`);
  });
}

/** Tokens of a prompt: through the chat template as one user message, or raw. */
export function promptTokens(model: DecoderModel, prompt: string, raw: boolean): number[] {
  const { tokenizer } = model;
  const ids =
    raw || !tokenizer.chatTemplate
      ? tokenizer.encode(prompt).ids
      : tokenizer.encode(tokenizer.applyChatTemplate([{ role: 'user', content: prompt }]), { addSpecialTokens: false })
          .ids;
  if (ids.length === 0) throw new CommandError('The prompt is empty: it has no token. Give some text.');
  if (ids.length > model.contextLength) {
    throw new CommandError(
      `The prompt has ${ids.length} tokens; the model's context holds ${model.contextLength}. Shorten the prompt.`,
    );
  }
  return ids;
}
