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
