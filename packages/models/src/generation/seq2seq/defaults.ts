import type { Seq2SeqConfig } from '../../architectures/seq2seq.ts';
import { generationSettings } from '../../formats/config.ts';
import type { ModelConfig } from '../../formats/types.ts';
import type { Seq2SeqDefaults } from './types.ts';

/** What a configuration says of generating. Throws a sentence where it names a token that is not there. */
export function defaultsOf(
  config: ModelConfig,
  { startId, forcedFirstId, forcedLastId }: Seq2SeqConfig,
): Seq2SeqDefaults {
  const suggested: Record<string, number | boolean | string> = {};
  for (const name of generationSettings) {
    const value = config[name];
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') suggested[name] = value;
  }
  const single = idsOf(config, 'suppress_tokens', config.suppress_tokens).map((id) => [id]);
  return {
    startId,
    ...(forcedFirstId === undefined ? {} : { forcedFirstId }),
    ...(forcedLastId === undefined ? {} : { forcedLastId }),
    badWords: [...badWordsOf(config), ...single],
    suggested,
  };
}

function badWordsOf(config: ModelConfig): number[][] {
  const { bad_words_ids: words } = config;
  if (words === undefined || words === null) return [];
  if (!Array.isArray(words))
    throw new Error('bad_words_ids of the configuration must be a list of lists of token ids.');
  return words.map((word) => idsOf(config, 'bad_words_ids', word)).filter((ids) => ids.length > 0);
}

function idsOf(config: ModelConfig, field: string, value: unknown): number[] {
  if (value === undefined || value === null) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  for (const id of ids) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= config.vocab_size) {
      throw new Error(
        `${field} of the configuration names ${JSON.stringify(id)}; the model's tokens are 0 to ${config.vocab_size - 1}.`,
      );
    }
  }
  return ids as number[];
}
