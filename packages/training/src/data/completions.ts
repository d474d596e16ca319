/** Sequences of which a part is learnt: what follows a prompt, what an assistant said. */
import type { ChatMessage, ChatOptions, Encoded, Tokenizer } from '@working-papers/models';
import { ignored, type Sequence, type SequenceOptions, withRoom } from './sequence.ts';

/** Characters `[start, end)` of a text, in UTF-16 units. */
export type Span = readonly [start: number, end: number];

/**
 * Labels of a text's tokens by its characters: a token that has one within a span is learnt, all others are {@link ignored}. So is
 * what the tokenizer adds, but for an end of sequence behind a text that is learnt to its end.
 * @param encoded with offsets
 */
export function labelsWithin(
  tokenizer: Tokenizer,
  { ids, offsets, sequenceIds }: Encoded,
  spans: readonly Span[],
): number[] {
  // A token of white space alone can be cut to nothing, at the end of what it stands for.
  const within = ([start, end]: Span) =>
    spans.some(([from, to]) => end > from && (start === end ? start <= to : start < to));
  const own = sequenceIds.map((sequence) => sequence !== null);
  const last = own.lastIndexOf(true);
  const labels = ids.map((id, place) => (own[place] && within(offsets![place]!) ? id : ignored));
  const learntToItsEnd = last >= 0 && labels[last] !== ignored;
  return labels.map((label, place) =>
    place > last && learntToItsEnd && tokenizer.eosIds.includes(ids[place]!) ? ids[place]! : label,
  );
}

/**
 * A prompt and what is to follow it: the tokens of both texts together, as one text, of which the completion is learnt. A token that
 * reaches from one into the other is learnt. Throws a sentence when `maxLength` leaves nothing of the completion.
 */
export function completionSequence(
  tokenizer: Tokenizer,
  { prompt, completion }: { prompt: string; completion: string },
  options: SequenceOptions = {},
): Sequence {
  const text = prompt + completion;
  return partlyLearnt(tokenizer, text, [[prompt.length, text.length]], 'the completion', options);
}

/** Which messages of a conversation are learnt, and how it is written. */
export interface ConversationOptions
  extends Pick<SequenceOptions, 'maxLength' | 'truncationSide'>,
    Pick<ChatOptions, 'tools' | 'documents' | 'template' | 'variables' | 'now'> {
  /** Default: the assistant's. */
  learns?: (message: ChatMessage, index: number) => boolean;
}

/** What a template that asks for the day is told unless the caller says: always the same, so that two runs agree. */
const day = new Date(Date.UTC(2024, 6, 26));

/**
 * A conversation as the model's chat template writes it, of which the assistant's messages are learnt, each with the token that ends
 * it. Where a message lies is found by writing the conversation up to it; a template that writes earlier messages differently once
 * others follow is refused with a sentence.
 */
export function chatSequence(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  { learns = ({ role }) => role === 'assistant', maxLength, truncationSide, ...chat }: ConversationOptions = {},
): Sequence {
  const write = (count: number, addGenerationPrompt: boolean) =>
    tokenizer.applyChatTemplate(messages.slice(0, count), { now: day, ...chat, addGenerationPrompt });
  const text = write(messages.length, false);
  const spans = messages.flatMap((message, index): Span[] => {
    if (!learns(message, index)) return [];
    const [before, after] = [write(index, true), write(index + 1, false)];
    if (text.startsWith(before) && text.startsWith(after)) return [[before.length, after.trimEnd().length]];
    throw new Error(
      `the chat template writes message ${index + 1} differently once others follow, so it cannot be told which tokens are its own. Give each conversation up to one message that is learnt.`,
    );
  });
  const options = {
    addSpecialTokens: false,
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(truncationSide === undefined ? {} : { truncationSide }),
  };
  return partlyLearnt(tokenizer, text, spans, 'the messages that are learnt', options);
}

function partlyLearnt(
  tokenizer: Tokenizer,
  text: string,
  spans: readonly Span[],
  what: string,
  { end, ...options }: SequenceOptions,
): Sequence {
  const encoded = tokenizer.encode(text, { ...withRoom(options, end), offsets: true });
  const labels = labelsWithin(tokenizer, encoded, spans);
  const ends = end !== undefined && !encoded.truncated;
  const ids = ends ? [...encoded.ids, end] : encoded.ids;
  const sequence = {
    ids,
    labels: ends ? [...labels, end] : labels,
    special: ends ? [...encoded.specialTokensMask, 1] : encoded.specialTokensMask,
  };
  if (sequence.labels.some((label) => label !== ignored)) return sequence;
  throw new Error(
    encoded.truncated
      ? `nothing of ${what} is left within ${options.maxLength ?? ids.length} tokens; ${encoded.cut} were cut off. Raise maxLength, or cut on the left.`
      : `${what} has no token, so there is nothing to learn.`,
  );
}
