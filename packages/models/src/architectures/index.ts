import type { ModelConfig } from '../formats/types.ts';
import type { Architecture } from './architecture.ts';
import { bartArchitecture } from './bart.ts';
import {
  albertArchitecture,
  bertArchitecture,
  distilbertArchitecture,
  mpnetArchitecture,
  robertaArchitecture,
} from './bert.ts';
import { clipArchitecture, clipVisionArchitecture, type DualEncoderArchitecture } from './clip.ts';
import type { DecoderArchitecture } from './decoder.ts';
import type { EncoderArchitecture } from './encoder.ts';
import { esmArchitecture } from './esm.ts';
import { gptNeoXArchitecture } from './gpt-neox.ts';
import { gpt2Architecture } from './gpt2.ts';
import { llamaArchitecture } from './llama.ts';
import type { Seq2SeqArchitecture } from './seq2seq.ts';
import { t5Architecture, t5EncoderArchitecture } from './t5.ts';
import { type ImageEncoderArchitecture, vitArchitecture } from './vit.ts';

/** Every architecture that is built. */
export const architectures: readonly Architecture[] = [
  llamaArchitecture,
  gpt2Architecture,
  gptNeoXArchitecture,
  bertArchitecture,
  vitArchitecture,
  clipArchitecture,
  clipVisionArchitecture,
  robertaArchitecture,
  distilbertArchitecture,
  mpnetArchitecture,
  albertArchitecture,
  esmArchitecture,
  t5EncoderArchitecture,
  t5Architecture,
  bartArchitecture,
];

/** The architecture of a model; throws a sentence that names those that are built. */
export function architectureOf(config: ModelConfig): Architecture {
  const found = architectures.find(({ types, fits }) => types.includes(config.model_type) && (fits?.(config) ?? true));
  if (found) return found;
  const known = [...new Set(architectures.flatMap(({ types }) => types))].join(', ');
  throw new Error(`A model of type '${config.model_type}' cannot be run; these types can: ${known}.`);
}

/** The same for a decoder. */
export function decoderOf(config: ModelConfig): DecoderArchitecture {
  const found = architectureOf(config);
  if (found.kind === 'decoder') return found as DecoderArchitecture;
  throw new Error(`A model of type '${config.model_type}' is no decoder, so it does not continue texts.`);
}

/** The same for an encoder. */
export function encoderOf(config: ModelConfig): EncoderArchitecture {
  const found = architectureOf(config);
  if (found.kind === 'encoder') return found as EncoderArchitecture;
  throw new Error(`A model of type '${config.model_type}' is no encoder of texts.`);
}

/** The same for a model that looks at images. */
export function imageEncoderOf(config: ModelConfig): ImageEncoderArchitecture {
  const found = architectureOf(config);
  if (found.kind === 'image-encoder') return found as ImageEncoderArchitecture;
  throw new Error(`A model of type '${config.model_type}' is no encoder of images.`);
}

/** The same for a model that puts texts and images into one space. */
export function dualEncoderOf(config: ModelConfig): DualEncoderArchitecture {
  const found = architectureOf(config);
  if (found.kind === 'dual-encoder') return found as DualEncoderArchitecture;
  throw new Error(`A model of type '${config.model_type}' is no encoder of texts and images.`);
}

/** The same for an encoder with a decoder. */
export function seq2seqOf(config: ModelConfig): Seq2SeqArchitecture {
  const found = architectureOf(config);
  if (found.kind === 'seq2seq') return found as Seq2SeqArchitecture;
  throw new Error(`A model of type '${config.model_type}' is no encoder with a decoder.`);
}

/** Names and shapes of the weights of a model that begins from scratch; a sentence where those of its type are not listed here. */
export function shapesOf(config: ModelConfig): Map<string, readonly number[]> {
  const shapes = architectureOf(config).shapes?.(config);
  if (shapes) return shapes;
  const types = architectures.flatMap((one) => (one.shapes ? one.types : []));
  throw new Error(
    `A model of type '${config.model_type}' cannot begin from scratch here; these types can: ${types.join(', ')}.`,
  );
}
