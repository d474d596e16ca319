/** Fields that chat and completions share. */
import { randomInt } from 'node:crypto';
import type { GenerateOptions } from '@working-papers/models';
import { z } from 'zod';

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => z.int().min(least).max(most);

/** Most texts of `stop`, and most choices of one request. */
const mostStops = 16;
const mostChoices = 128;

/** Accepted and without effect: they say nothing of what the answer is. */
export const ignoredFields = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
};

const stopTexts = z
  .union([z.string().min(1), z.array(z.string().min(1)).max(mostStops)], {
    error: `must be a text or at most ${mostStops} texts, none of them empty`,
  })
  .transform((stop) => (typeof stop === 'string' ? [stop] : stop));

export const generationFields = {
  model: z.string({ error: 'must name a model; GET /v1/models lists them' }),
  n: whole(1, mostChoices).default(1),
  temperature: z.number().min(0).max(100).default(1),
  top_p: z.number().gt(0, { error: 'must be above 0 and at most 1' }).max(1).default(1),
  seed: z.int().optional(),
  stop: stopTexts.optional(),
  presence_penalty: z.number().min(-2).max(2).default(0),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  logit_bias: z
    .record(z.string().regex(/^\d+$/), z.number().min(-100).max(100), {
      error: 'must give token ids numbers from -100 to 100',
    })
    .optional(),
  stream: z.boolean().default(false),
  stream_options: z
    .strictObject({ include_usage: z.boolean().default(false), include_obfuscation: z.unknown().optional() })
    .optional(),
  // Not OpenAI's: as vLLM and llama.cpp have them.
  top_k: z.int().min(-1).default(0),
  min_p: z.number().min(0).max(1).default(0),
  typical_p: z.number().gt(0).max(1).default(1),
  repetition_penalty: z.number().gt(0).max(100).default(1),
  no_repeat_ngram_size: whole(0).default(0),
  min_tokens: whole(0).default(0),
  stop_token_ids: z.array(whole(0)).max(256).optional(),
  ignore_eos: z.boolean().default(false),
  structured_outputs: z
    .union(
      [
        z.strictObject({ json: z.union([z.record(z.string(), z.unknown()), z.boolean()]) }),
        z.strictObject({ regex: z.string().min(1) }),
        z.strictObject({ choice: z.array(z.string().min(1)).min(1).max(10_000) }),
      ],
      { error: 'must hold one of json (a schema), regex and choice (a list of texts)' },
    )
    .optional(),
};

export type GenerationFields = z.infer<z.ZodObject<typeof generationFields>>;

/** What the fields ask of a generation, all but prompt, length, constraint and seed. */
export function samplingOf(fields: GenerationFields): Partial<GenerateOptions> {
  return {
    temperature: fields.temperature,
    topP: fields.top_p,
    topK: Math.max(0, fields.top_k),
    minP: fields.min_p,
    typicalP: fields.typical_p,
    repetitionPenalty: fields.repetition_penalty,
    presencePenalty: fields.presence_penalty,
    frequencyPenalty: fields.frequency_penalty,
    noRepeatNgramSize: fields.no_repeat_ngram_size,
    minNewTokens: fields.min_tokens,
    stopAtEnd: !fields.ignore_eos,
    ...(fields.stop ? { stop: fields.stop } : {}),
    ...(fields.stop_token_ids ? { stopIds: fields.stop_token_ids } : {}),
    ...(fields.logit_bias ? { logitBias: fields.logit_bias } : {}),
  };
}

/** A seed for each choice, from the one that was asked for or from chance. */
export function seedsOf({ seed, n }: Pick<GenerationFields, 'seed' | 'n'>): number[] {
  const first = seed ?? randomInt(2 ** 32);
  return Array.from({ length: n }, (_, choice) => first + choice);
}
