import type { Encoded } from '../tokenizers/types.ts';
import type { HeadContext } from './index.ts';
import { checkCount, softmax } from './labels.ts';
import type { AnswerSpan, EncoderHeads } from './types.ts';

type Span = Omit<AnswerSpan, 'text'>;

/**
 * Extractive question answering (SQuAD, arXiv 1606.05250): the head gives each token a logit that the answer begins with it and one
 * that it ends with it; softmax over the context's tokens of a window makes them probabilities.
 */
export const answering =
  ({ facts, program, limitOf, needs }: HeadContext): EncoderHeads['answer'] =>
  async (question, context, { topK = 1, maxAnswerTokens = 15, stride, maxTokens, ...options } = {}) => {
    needs('question-answering', 'answers questions');
    checkCount('topK', topK);
    checkCount('maxAnswerTokens', maxAnswerTokens);
    const limit = limitOf(maxTokens);
    const whole = facts.tokenizer.encode(question, {
      pair: context,
      offsets: true,
      maxLength: limit,
      truncation: 'only_second',
    });
    // Of a window, the context has what the question and the model's own tokens leave.
    const room = whole.sequenceIds.filter((text) => text === 1).length;
    const encoded = whole.truncated
      ? facts.tokenizer.encode(question, {
          pair: context,
          offsets: true,
          maxLength: limit,
          truncation: 'only_second',
          stride: stride ?? Math.min(128, Math.floor(room / 2)),
        })
      : whole;
    const windows = [encoded, ...(encoded.overflow ?? [])];
    const spans: Span[] = [];
    await program.logits(windows, options, (which, logits) => {
      spans.push(...spansOf(windows[which]!, logits, maxAnswerTokens, topK));
    });
    return distinct(spans)
      .slice(0, topK)
      .map((span) => ({ ...span, text: context.slice(span.start, span.end) }));
  };

/** The best spans of the second text of a window. */
function spansOf({ sequenceIds, offsets }: Encoded, logits: Float32Array, most: number, topK: number): Span[] {
  const places = sequenceIds.flatMap((text, place) => (text === 1 ? [place] : []));
  const [begins, ends] = [0, 1].map((side) => softmax(places.map((place) => logits[2 * place + side]!)));
  const spans: Span[] = [];
  for (const [first, from] of places.entries()) {
    for (let last = first; last < Math.min(places.length, first + most); last++) {
      const score = begins![first]! * ends![last]!;
      spans.push({ start: offsets![from]![0], end: offsets![places[last]!]![1], score });
    }
  }
  return distinct(spans).slice(0, topK);
}

/** Best first; a span that several tokens or windows stand for has its best score. */
function distinct(spans: readonly Span[]): Span[] {
  const seen = new Set<string>();
  return spans
    .toSorted((one, other) => other.score - one.score || one.start - other.start || one.end - other.end)
    .filter(({ start, end }) => !seen.has(`${start}-${end}`) && seen.add(`${start}-${end}`));
}
