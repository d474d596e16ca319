/** Combinations of configurations and parts that make no sense: refused when a graph is built, never computed as something else. */
import { showValue } from '../formats/element-types.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { ModelKind } from '../types.ts';
import type { Positions } from './parts.ts';

/** Throws a sentence for a sliding window of a model whose attention has none; transformers would pass over it. */
export function refuseWindow({ sliding_window: window, model_type: type }: ModelConfig, why: string): void {
  if (window === undefined || window === null) return;
  throw new Error(
    `The configuration asks for a sliding window (sliding_window ${showValue(window)}), but a model of type '${type}' ${why}. Set sliding_window to null.`,
  );
}

/** Throws a sentence where an encoder is to look back only, or not at itself alone. */
export function refuseOneDirection(config: ModelConfig): void {
  refuseWindow(config, 'sees its whole text in both directions');
  for (const field of ['is_decoder', 'add_cross_attention']) {
    if (config[field] !== true) continue;
    throw new Error(
      `The configuration says ${field}, but a model of type '${config.model_type}' is built as an encoder, which sees its whole text in both directions. Set ${field} to false.`,
    );
  }
}

/** Positions that are given in place of a model's own, checked: throws a sentence where they contradict themselves or the model. */
export function exchangedPositions(
  given: Positions | undefined,
  { bidirectional = false }: { bidirectional?: boolean } = {},
): Positions | undefined {
  if (!given) return undefined;
  if (given.rotate && given.bias) {
    throw new Error(
      'These positions both turn queries and keys and add to the scores (rotary embedding with ALiBi or a relative bias), so a distance counts twice. Take one of the two.',
    );
  }
  if ((given.angles || given.tables) && !given.rotate) {
    throw new Error('These positions have angles or tables of a rotation, but turn nothing: they lack `rotate`.');
  }
  if (given.causal && bidirectional) {
    throw new Error(
      'These positions are for attention that looks back only (ALiBi and the like): they say nothing of the tokens after a query, which an encoder sees. Take positions of both directions.',
    );
  }
  return given;
}

const decoderParts = ['attention', 'positions', 'mlp', 'norm'];
const partsOf: Record<ModelKind, readonly string[]> = {
  decoder: decoderParts,
  seq2seq: [...decoderParts, 'encoderAttention', 'encoderPositions', 'crossAttention'],
  encoder: [],
  'image-encoder': [],
  'dual-encoder': [],
};

/** Throws a sentence for parts that a model of this kind is not opened with. */
export function checkParts(kind: ModelKind, parts: Readonly<Record<string, unknown>> | undefined): void {
  const known = partsOf[kind];
  for (const name of Object.keys(parts ?? {})) {
    if (known.includes(name)) continue;
    throw new Error(
      known.length > 0
        ? `A ${kind} has no part '${name}' to exchange; it has ${known.join(', ')}.`
        : `The part '${name}' was asked for, but parts are exchanged in decoders and seq2seq models; this model is of the kind ${kind}.`,
    );
  }
}
