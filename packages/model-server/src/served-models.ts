import type { Model } from '@working-papers/models';
import { ApiError } from './api-error.ts';
import { type DecoderOptions, ServedDecoder } from './served-decoder.ts';
import { ServedEncoder } from './served-encoder.ts';

/** A model under the name that requests call it by. */
export interface NamedModel {
  name: string;
  model: Model;
}

/** The models of a server, by their names. */
export class ServedModels {
  readonly decoders: ServedDecoder[] = [];
  readonly encoders: ServedEncoder[] = [];
  readonly #byName = new Map<string, ServedDecoder | ServedEncoder>();
  readonly #created = Math.floor(Date.now() / 1000);

  /** Throws a sentence for a name given twice and for a model that neither writes text nor embeds it. */
  constructor(models: readonly NamedModel[], options: DecoderOptions) {
    for (const { name, model } of models) {
      if (this.#byName.has(name)) throw new Error(`Two models are named "${name}". Give each a name of its own.`);
      if (model.kind !== 'decoder' && model.kind !== 'encoder') {
        throw new Error(`"${name}" is of kind ${model.kind}; decoders and encoders of text are served.`);
      }
      if (model.kind === 'decoder') {
        const served = new ServedDecoder(name, model, options);
        this.decoders.push(served);
        this.#byName.set(name, served);
      } else {
        const served = new ServedEncoder(name, model, options);
        this.encoders.push(served);
        this.#byName.set(name, served);
      }
    }
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** As /v1/models lists them. */
  describe(name: string) {
    const { kind, model, contextLength } = this.#named(name);
    return {
      id: name,
      object: 'model' as const,
      created: this.#created,
      owned_by: 'working-papers',
      root: model.reference,
      kind,
      max_model_len: contextLength,
    };
  }

  decoder(name: string): ServedDecoder {
    const served = this.#named(name);
    if (served.kind === 'decoder') return served;
    throw new ApiError(400, `"${name}" is an encoder: it writes no text. It answers to /v1/embeddings.`, {
      param: 'model',
      code: 'model_not_supported',
    });
  }

  encoder(name: string): ServedEncoder {
    const served = this.#named(name);
    if (served.kind === 'encoder') return served;
    throw new ApiError(
      400,
      `"${name}" is a decoder: it has no embeddings. It answers to /v1/chat/completions and /v1/completions.`,
      { param: 'model', code: 'model_not_supported' },
    );
  }

  async close(): Promise<void> {
    for (const served of this.#byName.values()) await served.close();
  }

  #named(name: string): ServedDecoder | ServedEncoder {
    const served = this.#byName.get(name);
    if (served) return served;
    const known = this.names.map((other) => `"${other}"`).join(', ');
    throw new ApiError(404, `The model "${name.slice(0, 200)}" does not exist; here are ${known}.`, {
      param: 'model',
      code: 'model_not_found',
    });
  }
}
