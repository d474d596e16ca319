/** The model of a task: a checkpoint as it lies in files, or one that begins from scratch. */
import {
  createTokenizer,
  FormatError,
  isBlockType,
  type ModelToSave,
  type Tokenizer,
  type WeightTensor,
} from '@working-papers/models';

/** What a task begins with; `openForTraining` and `newModel` (`/node`) give one. */
export interface TrainableModel extends Omit<ModelToSave, 'tensors'> {
  /** How sentences, and adapters, name it. */
  readonly reference: string;
  /** Of its weights' files. */
  readonly sha256?: string | undefined;
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /** Names of weights that were drawn rather than read: they are always trained. */
  readonly fresh?: ReadonlySet<string>;
}

/** The tokenizer of a model; a sentence where it carries none. */
export function tokenizerOf({ reference, tokenizer }: TrainableModel): Tokenizer {
  if (tokenizer) return createTokenizer(tokenizer);
  throw new Error(`${reference} carries no tokenizer that is read here, so no text can be given to it.`);
}

/** Throws a sentence where a model's weights are blocks of few bits, which cannot change by small steps. */
export function refuseQuantised({ reference, tensors }: TrainableModel): void {
  const odd = [...tensors.values()].find(({ type }) => isBlockType(type));
  if (!odd) return;
  throw new FormatError(
    `The weights of ${reference} are quantised (${odd.type}), and small steps are lost in so few bits. Train a LoRA beside them (lora), or let them be made floats first (dequantise).`,
  );
}
