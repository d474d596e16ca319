import { add, cast, cumSum, equal, expand, mul, multiHeadAttention, not, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { type Architecture, given, looksWithin } from './architecture.ts';
import { attend, headsApart, headsOf, headsTogether } from './attention.ts';
import { refuseOneDirection } from './combinations.ts';
import { headWidth } from './config-fields.ts';
import { type EncoderHead, type HeadNames, headOf, headShapes } from './encoder-heads.ts';
import { biased } from './linear.ts';
import { paddingMask } from './masks.ts';
import type { Norm, Positions } from './parts.ts';
import { learnedPositions, places } from './positions.ts';

/** The numbers that every encoder has. */
export interface EncoderConfig {
  layers: number;
  hidden: number;
  /** Width of the MLP. */
  intermediate: number;
  vocabulary: number;
  heads: number;
  headDim: number;
  /** Factor of the scores; default 1 / sqrt(headDim). */
  scale?: number;
  /** Of the norms. */
  epsilon: number;
  /** Of the MLP, by its name in Hugging Face's configurations. */
  activation: string;
  /** Tokens that a text may have. */
  contextLength: number;
  /** The padding token of models whose table of positions is counted from the row after it on (fairseq). */
  padding?: number;
  /** Set where the embedding of a token depends on its whole row, so that texts cannot share one. */
  embedsRows?: boolean;
}

export interface EncoderAttentionInput {
  config: EncoderConfig;
  layer: number;
  /** Queries, keys and values, each `[rows, sequence, hidden]`. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  /** Ways of positions that turn queries and keys or add to the scores; none where all is in the embeddings or the mask. */
  positions?: Positions;
  /** int64 `[rows or 1, sequence]` */
  positionIds?: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, 1 or sequence, sequence]`. */
  mask?: Tensor | undefined;
  /** Shows an activation under `blocks.N.attention.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
  /** Whether somebody looks: a fused kernel then computes beside itself what it does not show. */
  watched: boolean;
}

export interface EncoderMlpInput {
  config: EncoderConfig;
  layer: number;
  /** `[rows, sequence, hidden]` */
  x: Tensor;
  weights: WeightSource;
  /** Beginnings of the names of its two products' weights. */
  names: { input: string; output: string };
  /** Shows an activation under `blocks.N.mlp.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
}

/** The exchangeable parts of an encoder. */
export interface EncoderParts {
  /** Answers `[rows, sequence, hidden]`, before the output product. */
  attention(input: EncoderAttentionInput): Tensor;
  positions: Positions;
  /** Answers `[rows, sequence, hidden]`. */
  mlp(input: EncoderMlpInput): Tensor;
  norm: Norm;
}

export interface EncoderInput {
  /** int64 `[rows, sequence]` */
  ids: Tensor;
  /** int64 `[rows or 1, sequence]`: the place of each token in its own text, counted from 0 whatever the architecture adds to it. */
  positions: Tensor;
  /** int64 `[rows, sequence]`: rows of the table of learned positions, where they do not follow from `positions`. */
  positionRows?: Tensor | undefined;
  /** int64 `[rows, sequence]`; default all 0. */
  tokenTypes?: Tensor | undefined;
  /** int64 `[rows, sequence]`: 1 for a token, 0 for padding, for embeddings that depend on it; attention reads `mask`. */
  padding?: Tensor | undefined;
  /** Added to the scores, `[rows or 1, 1 or heads, 1 or sequence, sequence]`; without one every token sees its whole row. */
  mask?: Tensor | undefined;
  /** int64 `[wanted]`: the places row * sequence + token whose logits a masked language model gives; default all. */
  logitsAt?: Tensor | undefined;
  parts?: Partial<EncoderParts> | undefined;
  /**
   * Sees or replaces activations by name: `embedding`, `blocks.N.attention.{query, key, value, rotatedQuery, rotatedKey, scores,
   * probabilities, heads, output}`, `blocks.N.middle`, `blocks.N.mlp.{gate, hidden, output}`, `blocks.N.residual`, `norm` where
   * the blocks end in one, `pooled`, `logits`. docs/taps.md has the shapes.
   */
  tap?: Tap | undefined;
}

export interface EncoderOutput {
  /** Last hidden states `[rows, sequence, hidden]`. */
  hidden: Tensor;
  /** What the checkpoint's pooler makes of the first token, `[rows, hidden]`. */
  pooled?: Tensor;
  /** The head's, where the checkpoint has one; see {@link EncoderHead}. With `logitsAt` a masked language model's are `[wanted, vocabulary]`. */
  logits?: Tensor;
}

/** Builds the graph of an encoder. */
export type Encoder = (config: ModelConfig, weights: WeightSource, input: EncoderInput) => EncoderOutput;

/** A row of the table of architectures for an encoder. */
export interface EncoderArchitecture extends Architecture {
  readonly kind: 'encoder';
  encoderConfig(config: ModelConfig): EncoderConfig;
  /** The head that a checkpoint has, or nothing. */
  head(config: ModelConfig, weights: Pick<WeightSource, 'has'>): EncoderHead | undefined;
  /** Names and shapes of the weights of a head, for as many labels; a sentence where models of this type have no such head. */
  headShapes(config: ModelConfig, head: EncoderHead, labels: number): Map<string, readonly number[]>;
  build: Encoder;
}

/** The usual fields of a configuration; throws a sentence where they make no encoder. */
export function encoderConfigOf(config: ModelConfig, model: string, activation = 'gelu'): EncoderConfig {
  refuseOneDirection(config);
  const { hidden_size: hidden, num_attention_heads: heads } = config;
  const chosen = config.hidden_act ?? activation;
  activationOf(chosen, model);
  return {
    layers: config.num_hidden_layers,
    hidden,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    heads,
    headDim: headWidth(hidden, heads),
    epsilon: config.layer_norm_eps ?? 1e-12,
    activation: chosen,
    contextLength: config.max_position_embeddings ?? 512,
  };
}

/** The same of a model whose first rows of the table of positions, up to the padding token's, are no text's. */
export function besidePadding<Config extends EncoderConfig>(whole: Config, padding: number): Config {
  const contextLength = whole.contextLength - padding - 1;
  if (padding >= 0 && contextLength >= 1) return { ...whole, padding, contextLength };
  throw new Error(
    `Positions are counted from pad_token_id ${padding} on, which leaves none of the ${whole.contextLength} that there are.`,
  );
}

/** Learned positions from the checkpoint's table; `positionRows` win over what follows from the places. */
export function tablePositions(
  weights: WeightSource,
  table: string,
  { padding, contextLength }: EncoderConfig,
  positionRows: Tensor | undefined,
): Positions {
  const before = padding === undefined ? 0 : padding + 1;
  const learned = learnedPositions(weights, table, positionRows ? 0 : before, contextLength + before);
  return { embed: (hidden, positionIds) => learned.embed!(hidden, positionRows ?? positionIds) };
}

/** Makes the row out of the function that builds the graph. */
export function encoderArchitecture(
  types: readonly string[],
  encoderConfig: (config: ModelConfig) => EncoderConfig,
  { base, heads, tokenTypes }: { base: string; heads: HeadNames; tokenTypes: boolean },
  build: Encoder,
): EncoderArchitecture {
  return {
    kind: 'encoder',
    types,
    encoderConfig,
    facts: encoderConfig,
    head: (config, weights) => headOf(config, weights, heads),
    headShapes(config, head, labels) {
      const { hidden, vocabulary } = encoderConfig(config);
      const embedding = typeof config.embedding_size === 'number' ? config.embedding_size : hidden;
      return headShapes(head, heads, { base, hidden, vocabulary, embedding, labels });
    },
    build,
    inputs: () => ({
      required: ['ids'],
      optional: ['mask', 'positions', ...(tokenTypes ? (['tokenTypes'] as const) : [])],
    }),
    forward(config, weights, inputs, { tap, parts, logitsAt }) {
      const ids = given(inputs, 'ids', config.model_type);
      const { padding } = encoderConfig(config);
      const output = build(config, weights, {
        ids,
        positions: inputs.positions ?? places(ids),
        positionRows: inputs.positions || padding === undefined ? undefined : rowsBesidePadding(ids, padding),
        tokenTypes: inputs.tokenTypes,
        padding: inputs.mask,
        mask: inputs.mask && paddingMask(inputs.mask),
        logitsAt,
        tap,
        parts: parts as Partial<EncoderParts> | undefined,
      });
      return { ...output };
    },
  };
}

/** The names of a checkpoint's weights that every encoder has, each without `.weight` and `.bias`. */
export interface EncoderBlockNames {
  query: string;
  key: string;
  value: string;
  attentionOutput: string;
  mlpInput: string;
  mlpOutput: string;
}

/** The same names inside a layer. */
export const namesWithin = <Names extends EncoderBlockNames>(layer: string, names: Names): Names =>
  Object.fromEntries(Object.entries(names).map(([role, name]) => [role, `${layer}.${name}`])) as unknown as Names;

interface BlockInput {
  config: EncoderConfig;
  layer: number;
  weights: WeightSource;
  parts: EncoderParts;
  names: EncoderBlockNames;
  input: EncoderInput;
  show(name: string, tensor: Tensor): Tensor;
}

/** Attention of a block with its output product: `[rows, sequence, hidden]` to the same shape. */
export function attentionOf(x: Tensor, { config, layer, weights, parts, names, input, show }: BlockInput): Tensor {
  const block = `blocks.${layer}.attention`;
  const projections = [names.query, names.key, names.value];
  const [query, key, value] = weights.apart(
    x,
    projections.map((name) => `${name}.weight`),
    projections.map((name) => `${name}.bias`),
  ); // each [rows, sequence, hidden]
  const heads = parts.attention({
    config,
    layer,
    query: show(`${block}.query`, query!),
    key: show(`${block}.key`, key!),
    value: show(`${block}.value`, value!),
    positions: parts.positions,
    positionIds: input.positions,
    mask: input.mask,
    tap: (part, tensor) => show(`${block}.${part}`, tensor),
    watched: looksWithin(input.tap),
  });
  return show(`${block}.output`, biased(weights, show(`${block}.heads`, heads), names.attentionOutput));
}

/** The MLP of a block: `[rows, sequence, hidden]` to the same shape. */
export function mlpOf(x: Tensor, { config, layer, weights, parts, names, show }: BlockInput): Tensor {
  const block = `blocks.${layer}.mlp`;
  const output = parts.mlp({
    config,
    layer,
    x,
    weights,
    names: { input: names.mlpInput, output: names.mlpOutput },
    tap: (name, tensor) => show(`${block}.${name}`, tensor),
  });
  return show(`${block}.output`, output);
}

/** output(activation(input(x))). */
export const encoderMlp: EncoderParts['mlp'] = ({ config, x, weights, names, tap }) => {
  const inner = tap('gate', biased(weights, x, names.input));
  const hidden = tap('hidden', activationOf(config.activation, 'these')(inner)); // [rows, sequence, intermediate]
  return biased(weights, hidden, names.output);
};

/** The fused kernel, which never holds the scores, wherever nobody looks or replaces them. */
export const encoderAttention: EncoderParts['attention'] = (input) => {
  const { config, query, value, watched } = input;
  const turned = rotated(input);
  const bias = scoreBias(input);
  // The kernel wants a line of the bias a query.
  const attentionBias =
    bias?.shape[2] === 1 ? expand(bias, [bias.shape[0]!, bias.shape[1]!, query.shape[1]!, bias.shape[3]!]) : bias;
  const fused = multiHeadAttention({ ...turned, value, attentionBias }, headsOf(config)).output;
  if (!watched) return fused;
  const { output, replaced } = attended(input, turned, bias);
  return replaced ? output : fused;
};

/** Softmax attention in plain operations: gradients flow, every step can be seen. */
export const denseEncoderAttention: EncoderParts['attention'] = (input) =>
  attended(input, rotated(input), scoreBias(input)).output;

/** Queries and keys after the rotation, where the positions have one; `[rows, sequence, hidden]`. */
function rotated({ config, query, key, positions, positionIds, tap }: EncoderAttentionInput) {
  const rotate = positions?.rotate;
  if (!rotate || !positionIds) return { query, key };
  const turn = (name: string, tensor: Tensor) => {
    const turned = tap(name, rotate(headsApart(tensor, config.heads, config.headDim), positionIds)); // [rows, heads, sequence, headDim]
    return headsTogether(turned);
  };
  return { query: turn('rotatedQuery', query), key: turn('rotatedKey', key) };
}

/** What is added to the scores: the positions' bias and the mask. */
function scoreBias({ positions, positionIds, mask }: EncoderAttentionInput): Tensor | undefined {
  const bias = positionIds && positions?.bias?.(positionIds, positionIds);
  return bias && mask ? add(bias, mask) : (bias ?? mask);
}

/** With the heads of `query`, `key` and `value` apart. */
function attended(
  { config, value, tap }: EncoderAttentionInput,
  { query, key }: { query: Tensor; key: Tensor },
  bias: Tensor | undefined,
): { output: Tensor; replaced: boolean } {
  const { heads, headDim } = config;
  const [q, k, v] = [query, key, value].map((x) => headsApart(x, heads, headDim)); // [rows, heads, sequence, headDim]
  return attend({ config: { ...config, kvHeads: heads }, tap }, q!, k!, v!, bias);
}

/** Rows `[rows, sequence]` of a table of positions: tokens are counted from `padding + 1` on, and those that are `padding` stay at that row. */
export function rowsBesidePadding(ids: Tensor, padding: number): Tensor {
  const tokens = cast(not(equal(ids, padding)), 'int64');
  return add(mul(cumSum(tokens, 1), tokens), padding);
}
