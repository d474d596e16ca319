import { z } from 'zod';
import { generationFields, ignoredFields } from './fields.ts';

/** Most prompts of one request. */
const mostPrompts = 2048;
const ids = z.array(z.int().min(0)).min(1);

/** The body of POST /v1/completions. */
export const completionsSchema = z.strictObject({
  ...generationFields,
  ...ignoredFields,
  prompt: z.union(
    [z.string(), ids, z.array(z.string()).min(1).max(mostPrompts), z.array(ids).min(1).max(mostPrompts)],
    { error: `must be a text, token ids, or a list of at most ${mostPrompts} of either` },
  ),
  max_tokens: z.int().min(0).default(16),
  logprobs: z.int().min(0).max(20).optional(),
  echo: z.boolean().default(false),
  best_of: z.int().min(1).optional(),
  suffix: z.string().optional(),
});

export type CompletionsRequest = z.infer<typeof completionsSchema>;

/** The body of POST /v1/embeddings. */
export const embeddingsSchema = z.strictObject({
  model: generationFields.model,
  user: z.unknown().optional(),
  input: z.union([z.string(), ids, z.array(z.string()).min(1).max(mostPrompts), z.array(ids).min(1).max(mostPrompts)], {
    error: `must be a text, token ids, or a list of at most ${mostPrompts} of either`,
  }),
  encoding_format: z.enum(['float', 'base64']).default('float'),
  dimensions: z.int().min(1).optional(),
});

type Input = z.infer<typeof embeddingsSchema>['input'];

/** A list of texts and token ids, whatever form they came in. */
export function listOf(input: Input): (string | number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[]);
}
