import { gather, gelu, layerNorm, relu, type Tensor, tanh } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { wanted } from './decoder.ts';
import type { EncoderConfig } from './encoder.ts';
import { biased } from './linear.ts';
import { normWeight } from './residual.ts';

/**
 * What an encoder was trained to answer, and the shape of its `logits`: `masked-lm` `[rows, sequence, vocabulary]`,
 * `sequence-classification` `[rows, labels]`, `token-classification` `[rows, sequence, labels]`, `multiple-choice` `[rows, 1]`, a
 * row a choice, `question-answering` `[rows, sequence, 2]`, where the answer begins and ends.
 */
export type EncoderHead =
  | 'masked-lm'
  | 'sequence-classification'
  | 'token-classification'
  | 'multiple-choice'
  | 'question-answering';

/** A head over one vector a text: of the pooler or the first token's hidden state, through `dense` where there is one. */
interface VectorHead {
  from: 'pooled' | 'first';
  dense?: string;
  activation?: 'tanh' | 'relu';
  output: string;
}

/** The names of a family's heads, each without `.weight` and `.bias`. */
export interface HeadNames {
  /** Inside the base model. */
  pooler?: string;
  maskedLm: {
    dense: string;
    norm: string;
    decoder: string;
    /** Whole names of the bias of each token, of which a checkpoint has one or more, all the same. */
    biases: readonly string[];
    /** Default: the MLP's. */
    activation?: 'gelu';
  };
  sequence: VectorHead;
  choice?: VectorHead;
}

const tokenClassifier = 'classifier';
const answerSpan = 'qa_outputs';

const classes: readonly [suffix: RegExp, head: EncoderHead][] = [
  [/For(MaskedLM|PreTraining)$/, 'masked-lm'],
  [/ForSequenceClassification$/, 'sequence-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForMultipleChoice$/, 'multiple-choice'],
  [/ForQuestionAnswering$/, 'question-answering'],
];

/** The head that a configuration's `architectures` names; undefined for a base model, and for a class that is not transformers' own. */
export function namedHead({ architectures }: ModelConfig): EncoderHead | undefined {
  const named = Array.isArray(architectures) ? String(architectures[0]) : '';
  return classes.find(([suffix]) => suffix.test(named))?.[1];
}

/**
 * The head that a configuration's `architectures` names, if its weights are there. Without that field, or where it names a class that
 * is not transformers' own, the masked language model's or the answer's where the weights show it; a base model has none.
 */
export function headOf(
  { architectures }: ModelConfig,
  weights: Pick<WeightSource, 'has'>,
  names: HeadNames,
): EncoderHead | undefined {
  const weightOf: Record<EncoderHead, string | undefined> = {
    'masked-lm': names.maskedLm.dense,
    'sequence-classification': names.sequence.output,
    'token-classification': tokenClassifier,
    'multiple-choice': names.choice?.output,
    'question-answering': answerSpan,
  };
  const there = (head: EncoderHead) => weights.has(`${weightOf[head]}.weight`);
  const named = Array.isArray(architectures) ? String(architectures[0]) : undefined;
  const ofClass = classes.filter(([suffix]) => named !== undefined && suffix.test(named)).map(([, head]) => head);
  const isKnown = named !== undefined && /(For\w+|Model)$/.test(named);
  const candidates: readonly EncoderHead[] = isKnown ? ofClass : ['masked-lm', 'question-answering'];
  return candidates.find(there);
}

/** What the shapes of a head follow from. */
export interface HeadSizes {
  /** What the base model's names begin with. */
  base: string;
  hidden: number;
  vocabulary: number;
  /** Width of the table of embeddings. */
  embedding: number;
  labels: number;
}

/**
 * Names and shapes of the weights of a head, as a checkpoint of transformers' class has them, the pooler's among them where the head reads
 * it. A masked language model's decoder is the table of embeddings. Throws a sentence where the family has no such head.
 */
export function headShapes(
  head: EncoderHead,
  names: HeadNames,
  { base, hidden, vocabulary, embedding, labels }: HeadSizes,
): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const product = (name: string, rows: number, columns: number) =>
    shapes.set(`${name}.weight`, [rows, columns]).set(`${name}.bias`, [rows]);
  const ofVector = ({ from, dense, output }: VectorHead, outputs: number) => {
    if (from === 'pooled') product(`${base}${names.pooler}`, hidden, hidden);
    if (dense) product(dense, hidden, hidden);
    product(output, outputs, hidden);
  };
  if (head === 'sequence-classification') ofVector(names.sequence, labels);
  else if (head === 'token-classification') product(tokenClassifier, labels, hidden);
  else if (head === 'question-answering') product(answerSpan, 2, hidden);
  else if (head === 'multiple-choice') {
    if (!names.choice) throw new Error('Models of this type have no head that chooses.');
    ofVector(names.choice, 1);
  } else {
    const { dense, norm, biases } = names.maskedLm;
    product(dense, embedding, hidden);
    shapes.set(`${norm}.weight`, [embedding]).set(`${norm}.bias`, [embedding]);
    shapes.set(biases[0]!, [vocabulary]);
  }
  return shapes;
}

export interface HeadInput {
  config: EncoderConfig;
  modelConfig: ModelConfig;
  weights: WeightSource;
  names: HeadNames;
  /** What the base model's names begin with in this checkpoint. */
  base: string;
  /** `[rows, sequence, hidden]` */
  hidden: Tensor;
  /** int64 `[wanted]`; see {@link EncoderInput}. */
  logitsAt?: Tensor | undefined;
  show(name: string, tensor: Tensor): Tensor;
}

/** What comes after the blocks: the pooler's vector and the head's logits, where the checkpoint has them. */
export function headOutputs(input: HeadInput): { pooled?: Tensor; logits?: Tensor } {
  const { weights, names, base, hidden, show } = input;
  const first = gather(hidden, 0, 1); // [rows, hidden]
  const pooler = names.pooler && `${base}${names.pooler}`;
  const pooled =
    pooler && weights.has(`${pooler}.weight`) ? show('pooled', tanh(biased(weights, first, pooler))) : undefined;
  const head = headOf(input.modelConfig, weights, names);
  const found = pooled ? { pooled } : {};
  if (!head) return found;
  return { ...found, logits: show('logits', logitsOf(head, input, first, pooled)) };
}

function logitsOf(head: EncoderHead, input: HeadInput, first: Tensor, pooled: Tensor | undefined): Tensor {
  const { weights, names, hidden } = input;
  switch (head) {
    case 'masked-lm':
      return maskedLm(input);
    case 'sequence-classification':
      return ofVector(weights, names.sequence, first, pooled);
    case 'multiple-choice':
      return ofVector(weights, names.choice!, first, pooled);
    case 'token-classification':
      return biased(weights, hidden, tokenClassifier);
    case 'question-answering':
      return biased(weights, hidden, answerSpan);
  }
}

/** A score of each token of the vocabulary; the decoder is the table of embeddings unless the checkpoint unties them. */
function maskedLm({ config, modelConfig, weights, names, base, hidden, logitsAt }: HeadInput): Tensor {
  const { dense, norm, decoder, biases, activation } = names.maskedLm;
  const activate = activation ? gelu : activationOf(config.activation, 'these');
  const inner = activate(biased(weights, wanted(hidden, logitsAt ?? 'all'), dense));
  const normed = layerNorm(inner, normWeight(weights, norm, 'gain'), normWeight(weights, norm, 'bias'), {
    epsilon: config.epsilon,
  });
  const untied = modelConfig.tie_word_embeddings === false && weights.has(`${decoder}.weight`);
  const table = untied ? `${decoder}.weight` : `${base}embeddings.word_embeddings.weight`;
  return weights.linear(
    normed,
    table,
    biases.find((name) => weights.has(name)),
  );
}

function ofVector(
  weights: WeightSource,
  { from, dense, activation, output }: VectorHead,
  first: Tensor,
  pooled: Tensor | undefined,
): Tensor {
  const vector = from === 'pooled' ? pooled : first;
  if (!vector) throw new Error('The checkpoint has a head over the pooled vector but no pooler.');
  if (!dense) return biased(weights, vector, output);
  const inner = biased(weights, vector, dense);
  return biased(weights, activation === 'relu' ? relu(inner) : tanh(inner), output);
}
