import { add, constant, gather, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { shower } from './architecture.ts';
import { albertFamily, bertFamily, distilbertFamily, mpnetFamily, robertaFamily } from './bert-families.ts';
import { bertShapes } from './bert-shapes.ts';
import { exchangedPositions } from './combinations.ts';
import {
  attentionOf,
  type Encoder,
  type EncoderArchitecture,
  type EncoderBlockNames,
  type EncoderConfig,
  type EncoderInput,
  type EncoderParts,
  encoderArchitecture,
  encoderAttention,
  encoderMlp,
  mlpOf,
  namesWithin,
  tablePositions,
} from './encoder.ts';
import { type HeadNames, headOutputs } from './encoder-heads.ts';
import { biased } from './linear.ts';
import type { Positions } from './parts.ts';
import { addNorm, layerNormalisation, normWeight } from './residual.ts';

/** A family of encoders with BERT's blocks: what it calls its weights, and what it does besides. */
export interface BertFamily {
  /** Values of `model_type`. */
  types: readonly string[];
  /** What the base model's names begin with in a checkpoint that has a head. */
  base: string;
  config(config: ModelConfig): EncoderConfig;
  /** What the names of a layer begin with. */
  layer(layer: number, config: ModelConfig): string;
  /** Inside a layer, each without `.weight` and `.bias`. */
  block: EncoderBlockNames & { attentionNorm: string; mlpNorm: string };
  /** Whether tokens of two texts have an embedding each. */
  tokenTypes: boolean;
  /** A product from the width of the embeddings to that of the blocks. */
  embeddingProjection?: string;
  /** Of the scores, beside the learned positions. */
  relative?(weights: WeightSource, base: string): Positions;
  heads: HeadNames;
}

/** The encoder of a family (arXiv 1810.04805): blocks with the norm after each sum. */
const encoderOfFamily =
  (family: BertFamily): Encoder =>
  (modelConfig, weights, input) => {
    const config = family.config(modelConfig);
    const base = baseOf(family, weights);
    const parts: EncoderParts = {
      attention: input.parts?.attention ?? encoderAttention,
      positions: exchangedPositions(input.parts?.positions, { bidirectional: true }) ?? {
        ...family.relative?.(weights, base),
        ...tablePositions(weights, `${base}embeddings.position_embeddings.weight`, config, input.positionRows),
      },
      mlp: input.parts?.mlp ?? encoderMlp,
      norm: input.parts?.norm ?? layerNormalisation,
    };
    const show = shower(input.tap);
    const normWeights = (name: string, width = config.hidden) => ({
      gain: normWeight(weights, name, 'gain', width),
      bias: normWeight(weights, name, 'bias', width),
      epsilon: config.epsilon,
    });

    let hidden = show('embedding', embed(family, weights, parts, config.vocabulary, input, normWeights)); // [rows, sequence, hidden]
    for (let layer = 0; layer < config.layers; layer++) {
      const names = namesWithin(`${base}${family.layer(layer, modelConfig)}`, family.block);
      const block = { config, layer, weights, parts, names, input, show };
      const addedNorm = (delta: Tensor, norm: string) =>
        addNorm(hidden, delta, parts.norm, normWeights(norm), (sum) => sum).normed;
      hidden = show(`blocks.${layer}.middle`, addedNorm(attentionOf(hidden, block), names.attentionNorm));
      hidden = show(`blocks.${layer}.residual`, addedNorm(mlpOf(hidden, block), names.mlpNorm));
    }
    return {
      hidden,
      ...headOutputs({
        config,
        modelConfig,
        weights,
        names: family.heads,
        base,
        hidden,
        logitsAt: input.logitsAt,
        show,
      }),
    };
  };

/** Words, token types and positions, normed, at the width of the blocks: `[rows, sequence, hidden]`. */
function embed(
  family: BertFamily,
  weights: WeightSource,
  parts: EncoderParts,
  vocabulary: number,
  { ids, positions, tokenTypes }: EncoderInput,
  normWeights: (name: string, width: number) => { gain: Tensor; bias: Tensor; epsilon: number },
): Tensor {
  const base = baseOf(family, weights);
  const words = weights.embedding(ids, `${base}embeddings.word_embeddings.weight`, vocabulary);
  const typeTable = `${base}embeddings.token_type_embeddings.weight`;
  const typed = family.tokenTypes
    ? add(words, gather(weights.get(typeTable), tokenTypes ?? constant([0], 'int64'), 0)) // [rows, sequence, hidden] or [1, hidden]
    : words;
  const placed = parts.positions.embed?.(typed, positions) ?? typed;
  const { gain, ...others } = normWeights(`${base}embeddings.LayerNorm`, words.shape[2] as number);
  const normed = parts.norm(placed, gain, others);
  if (!family.embeddingProjection) return normed;
  const projection = `${base}${family.embeddingProjection}`;
  return biased(weights, normed, projection);
}

const baseOf = ({ base }: BertFamily, weights: Pick<WeightSource, 'has'>): string =>
  weights.has(`${base}embeddings.word_embeddings.weight`) ? base : '';

const architectureOf = (family: BertFamily): EncoderArchitecture => ({
  ...encoderArchitecture(family.types, family.config, family, encoderOfFamily(family)),
  shapes: (config) => bertShapes(family, config),
});

export const bertArchitecture = architectureOf(bertFamily);
export const robertaArchitecture = architectureOf(robertaFamily);
export const distilbertArchitecture = architectureOf(distilbertFamily);
export const mpnetArchitecture = architectureOf(mpnetFamily);
export const albertArchitecture = architectureOf(albertFamily);
