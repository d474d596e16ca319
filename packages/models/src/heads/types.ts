/** What an encoder with a head answers: texts, words and gaps classified, choices and spans found. */
import type { EncoderHead } from '../architectures/encoder-heads.ts';

/** A text, or two that the model reads together, as rerankers and models of entailment do. */
export type TextOrPair = string | readonly [text: string, pair: string];

/** A text as the model reads it. */
export interface TokenizedText {
  /** Special tokens included. */
  ids: number[];
  /** 1 for tokens of the second text of a pair, where the model tells them apart. */
  typeIds: number[];
  /** Whether tokens were left out to keep to the limit. */
  truncated: boolean;
}

export interface RunOptions {
  /** Texts a run at most. Default 32; as many as fit where embeddings of many texts are computed end to end. */
  batchSize?: number;
  signal?: AbortSignal;
  onProgress?(progress: { done: number; total: number }): void;
}

export interface TextOptions extends RunOptions {
  /** Tokens that a text is cut to, or a pair, whose longer text is cut first. Default and most: the model's context. */
  maxTokens?: number;
}

export interface LabelScore {
  /** Its place among the labels. */
  index: number;
  label: string;
  score: number;
}

export interface ClassifyOptions extends TextOptions {
  /** How many labels a text. Default 5. */
  topK?: number;
  /**
   * What makes scores of logits. Default, as `problem_type` says: none (`logits`) for regression, `sigmoid` for several labels at
   * once or a single label, `softmax` otherwise.
   */
  scores?: 'softmax' | 'sigmoid' | 'logits';
}

/**
 * How tokens become entities (transformers' TokenClassificationPipeline). `none`: every token by itself. `simple`: neighbours of
 * the same entity in one. `first`, `average`, `max`: the same, after all tokens of a word have taken the label of its first token,
 * of their mean scores, or of the token that is surest.
 */
export type Aggregation = 'none' | 'simple' | 'first' | 'average' | 'max';

export interface ClassifyTokensOptions extends TextOptions {
  /** Default `simple`. */
  aggregation?: Aggregation;
  /** What is left out: labels, or entities where tokens are joined. Default `O`. */
  ignoreLabels?: readonly string[];
  /**
   * Reads a text longer than the limit in windows that overlap by so many tokens, in place of cutting it; of entities that overlap
   * the longest stays. Not with `none`.
   */
  stride?: number;
}

export interface Entity {
  /** The token's label, or without its `B-` or `I-` where tokens are joined. */
  label: string;
  /** Mean probability of the label over the tokens, or over the words. */
  score: number;
  /** The range `[start, end)` of the text in UTF-16 code units, as `String.prototype.slice` counts them. */
  start: number;
  end: number;
  /** That range of the text. */
  text: string;
  /** Without aggregation: the token's place among the tokens, special ones counted, and what the vocabulary calls it. */
  token?: { place: number; id: number; token: string };
}

export interface FillMaskOptions extends TextOptions {
  /** How many tokens a mask. Default 5. */
  topK?: number;
  /** Only these are looked at: tokens as the vocabulary writes them, or texts that are one token. */
  targets?: readonly string[];
}

export interface MaskFilling {
  id: number;
  /** The token as text. */
  text: string;
  /** Softmax over the whole vocabulary, whatever the targets. */
  score: number;
  /** The text with the token in the mask's place, as the tokens read; other masks stay. */
  sequence: string;
}

export interface FilledMask {
  /** Of the mask, among the tokens. */
  place: number;
  /** Most probable first. */
  fillings: MaskFilling[];
}

export interface PseudoLogLikelihood {
  /** The places that were scored. */
  places: number[];
  /** The natural log of the probability of each one's token where it alone is masked. */
  logProbabilities: Float64Array;
  /** Their sum. */
  total: number;
}

export interface ChoiceProbability {
  /** Its place among the choices. */
  index: number;
  choice: string;
  logit: number;
  /** Softmax over the choices. */
  probability: number;
}

export interface AnswerOptions extends TextOptions {
  /** How many answers. Default 1. */
  topK?: number;
  /** Tokens of an answer at most. Default 15. */
  maxAnswerTokens?: number;
  /** A long context is read in windows that overlap by so many tokens. Default 128, or half a window where that is less. */
  stride?: number;
}

export interface AnswerSpan {
  /** The range `[start, end)` of the context in UTF-16 code units, and the text there. */
  start: number;
  end: number;
  text: string;
  /** Probability that the answer begins with its first token times that it ends with its last, in the window that it was read in. */
  score: number;
}

export interface HeadLogits {
  logits: Float32Array;
  /** `[labels]`, `[1]` of a choice, `[sequence, labels]`, `[sequence, 2]` of answers, or `[sequence, vocabulary]`. */
  shape: readonly number[];
}

/**
 * What an encoder with a head has beside its hidden states. Each rejects with a sentence where the checkpoint's head is another or
 * there is none, and with the signal's reason when it is aborted.
 */
export interface EncoderHeads {
  /** What the checkpoint was trained to answer; absent where it is the base model alone. */
  readonly head?: EncoderHead;
  /** What a head that classifies tells apart (`id2label`). */
  readonly labels?: readonly string[];
  /** The head's logits of each row of token ids (special tokens included), whatever the head. */
  logits(
    rows: readonly { ids: readonly number[]; typeIds?: readonly number[] }[],
    options?: RunOptions,
  ): Promise<HeadLogits[]>;
  /** The labels of each text or pair, best first. The head is `sequence-classification`. */
  classify(texts: readonly TextOrPair[], options?: ClassifyOptions): Promise<LabelScore[][]>;
  /** The entities of each text, in its order. The head is `token-classification`. */
  classifyTokens(texts: readonly string[], options?: ClassifyTokensOptions): Promise<Entity[][]>;
  /** What may stand at each mask of each text. The head is `masked-lm`; rejects where a text has no mask. */
  fillMask(texts: readonly string[], options?: FillMaskOptions): Promise<FilledMask[][]>;
  /**
   * How probable each token is given all others of its row, and their sum (Salazar et al. 2020, arXiv 1910.14659): one pass a
   * token. `places` says which are scored; default all but special tokens. The head is `masked-lm`.
   */
  pseudoLogLikelihood(
    rows: readonly (readonly number[])[],
    options?: RunOptions & { places?: readonly (readonly number[])[] },
  ): Promise<PseudoLogLikelihood[]>;
  /** Which of the choices goes on best from the prompt, best first. The head is `multiple-choice`. */
  choose(prompt: string, choices: readonly string[], options?: TextOptions): Promise<ChoiceProbability[]>;
  /** The spans of the context that answer the question best, best first. The head is `question-answering`. */
  answer(question: string, context: string, options?: AnswerOptions): Promise<AnswerSpan[]>;
}
