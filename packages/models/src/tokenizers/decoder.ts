import type { AddedToken } from './added-tokens.ts';
import { type Fields, isFields, stepsOf } from './fields.ts';
import { SequenceDecoder } from './library.ts';
import { patternOf } from './steps/pattern.ts';

/**
 * Tokens to text by the decoder of a tokenizer.json, with the library's parts. `cleans`: spaces before punctuation are taken out, as
 * tokenizer_config.json may ask.
 */
export function createDecoder(
  tokenizer: Fields,
  added: readonly AddedToken[],
  cleans: boolean,
): (tokens: string[]) => string {
  const steps = stepsOf(tokenizer.decoder, 'decoders', 'decoder');
  // The library writes to the console where a pattern is none.
  for (const step of steps) if (step.type === 'Replace') patternOf(step.pattern);
  const { model } = tokenizer;
  const suffix = isFields(model) && typeof model.end_of_word_suffix === 'string' ? model.end_of_word_suffix : '';
  const decoder = new SequenceDecoder({ type: 'Sequence', decoders: steps });
  for (const part of decoder.decoders) {
    part.added_tokens = added;
    part.end_of_word_suffix = suffix;
  }
  return (tokens) => {
    let text = steps.length === 0 ? tokens.join(' ') : decoder.decode(tokens);
    if (suffix !== '' && steps.length > 0) text = text.replaceAll(suffix, ' ');
    return cleans ? cleanUp(text) : text;
  };
}

/** `clean_up_tokenization` of transformers. */
const cleanUp = (text: string): string =>
  text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
