/** What `papers run moral-direction` takes: nearly all of it is the encoder reading sentences. */
import type { Estimate, EstimateFacts } from '../../contract.ts';
import {
  flopsPerCore,
  flopsPerSecond,
  linesOf,
  multiplied,
  openSeconds,
  startBytes,
  startSeconds,
  tokensOf,
  weightBytes,
} from '../../speed.ts';
import type { MoralDirectionParameters } from './parameters.ts';

/** Questions that a word or phrase is put into, and what each adds with the special tokens. */
const questions = { count: 10, tokens: 8 } as const;
/** Of the repository's lists: words, and tokens of one. */
const words = { count: 72, tokens: 2 } as const;
/** Seconds of a decoding step a parameter of a model in 4-bit blocks, or in fp32. */
const stepSeconds = { q4: 0.2e-9, fp32: 0.5e-9 } as const;

export function estimate(parameters: MoralDirectionParameters, facts: EstimateFacts): Estimate {
  const encoder = facts.models.encoder!;
  const reading = (tokens: number) => (2 * multiplied(encoder) * tokens) / flopsPerSecond(facts.machine);
  const basis = `the encoder reads a token in two operations a parameter, at ${flopsPerCore / 1e9} GFLOP/s on each of ${facts.machine.cores} cores`;
  const opened = startSeconds + openSeconds(encoder);
  const bytes = startBytes + weightBytes(encoder);
  if (parameters.action === 'fit') {
    const asked = parameters.templates ? questions : { count: 1, tokens: 2 };
    const lists = [facts.inputs.positive, facts.inputs.negative, facts.inputs.neutral].filter(
      (list) => list !== undefined,
    );
    const given = lists.reduce((sum, list) => {
      const { lines, scale } = linesOf(list);
      return sum + lines.length * scale;
    }, 0);
    const count = lists.length > 0 ? given : words.count;
    return { seconds: opened + reading(count * asked.count * (words.tokens + asked.tokens)), bytes, basis };
  }
  const fitting =
    parameters.direction === undefined ? reading(words.count * questions.count * (words.tokens + questions.tokens)) : 0;
  if (parameters.action === 'score') {
    const { lines, scale } = linesOf(facts.inputs.phrases);
    const tokens = lines.reduce((sum, line) => sum + tokensOf(line) + questions.tokens, 0);
    return { seconds: opened + fitting + reading(scale * questions.count * tokens), bytes, basis };
  }
  const decoder = facts.models.model!;
  const quantised = decoder.bytes < decoder.parameters;
  const steps = parameters.samples * parameters.maxNew;
  // Candidates' texts grow from the prompt to its continuation.
  const length = Math.min(parameters.maxTextTokens, tokensOf(parameters.prompt) + parameters.maxNew / 2 + 2);
  const scored = Math.ceil(parameters.maxNew / parameters.encoderStride) * parameters.samples;
  const writing = 2 * steps * decoder.parameters * stepSeconds[quantised ? 'q4' : 'fp32'];
  return {
    seconds:
      opened +
      openSeconds(decoder) / (quantised ? 3 : 1) +
      fitting +
      reading(scored * parameters.topK * length) +
      writing,
    bytes: bytes + (quantised ? 2 * decoder.bytes : weightBytes(decoder)),
    basis: `${basis}; it reads ${parameters.topK} candidates a step`,
  };
}
