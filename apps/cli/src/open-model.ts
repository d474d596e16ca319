/** A model opened for one command, with progress on standard error. */
import type {
  DecoderModel,
  DualEncoderModel,
  EncoderModel,
  ImageEncoderModel,
  Model,
  ModelKind,
  Seq2SeqModel,
  Weights,
} from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import { CommandError } from './problems.ts';
import { defaultDecoder, defaultEncoder, modelFolder } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface ModelOptions {
  weights?: Weights | undefined;
  threads?: number | undefined;
  /** Parts by kind: { attention: 'lm-infinite' }. */
  parts?: Record<string, string>;
}

/** Opens a model; of several, each is given the one runtime. */
export async function open(
  terminal: Terminal,
  reference: string,
  { weights, threads, parts = {} }: ModelOptions,
  runtime?: Runtime,
): Promise<Model> {
  const { openModel } = await import('@working-papers/models/node');
  const named = Object.keys(parts).length > 0;
  const model = await openModel(reference, {
    ...(weights === undefined ? {} : { weights }),
    ...(runtime ? { runtime } : threads === undefined ? {} : { threads }),
    ...(named ? { parts, partsByName: await (await import('@working-papers/methods')).loadParts() } : {}),
    cacheFolder: modelFolder(),
    signal: terminal.signal,
    onProgress: (progress) => terminal.progress(progress),
  });
  terminal.endProgress();
  for (const note of model.notes) terminal.note(note);
  return model;
}

export async function withModel<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await open(terminal, reference, options);
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
    throw new CommandError(
      `"${reference}" is ${called[model.kind]}; this command needs a decoder such as ${defaultDecoder}.`,
    );
  });
}

/** A model that says something: a decoder, or an encoder with a decoder. */
export type SpeakingModel = DecoderModel | Seq2SeqModel;

export function withSpeaker<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: SpeakingModel) => Promise<T>,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'decoder' || model.kind === 'seq2seq') return work(model);
    throw new CommandError(
      `"${reference}" is ${called[model.kind]}; this command needs a decoder such as ${defaultDecoder}, or an encoder with a decoder.`,
    );
  });
}

export function withEncoder<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: EncoderModel) => Promise<T>,
  needed = `an encoder such as ${defaultEncoder}`,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'encoder') return work(model);
    throw new CommandError(`"${reference}" is ${called[model.kind]}; this command needs ${needed}.`);
  });
}

export function withImageEncoder<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: ImageEncoderModel) => Promise<T>,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'image-encoder') return work(model);
    throw new CommandError(`"${reference}" is ${called[model.kind]}; this command needs an encoder of images (ViT).`);
  });
}

export function withDualEncoder<T>(
  terminal: Terminal,
  reference: string,
  options: ModelOptions,
  work: (model: DualEncoderModel) => Promise<T>,
): Promise<T> {
  return withModel(terminal, reference, options, async (model) => {
    if (model.kind === 'dual-encoder') return work(model);
    throw new CommandError(
      `"${reference}" is ${called[model.kind]}; this command needs an encoder of texts and images (CLIP).`,
    );
  });
}

const called: Record<ModelKind, string> = {
  decoder: 'a decoder',
  encoder: 'an encoder',
  seq2seq: 'an encoder with a decoder',
  'image-encoder': 'an encoder of images',
  'dual-encoder': 'an encoder of texts and images',
};

/** Tokens of a prompt: through the chat template as one user message, or raw. */
export function promptTokens(model: SpeakingModel, prompt: string, raw: boolean): number[] {
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
