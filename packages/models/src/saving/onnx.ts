import { type DataType, input, type OnnxProgram, type Shape, type Tensor, toOnnx } from '@working-papers/graph';
import type { ForwardInputName, ForwardTensors } from '../architectures/architecture.ts';
import { architectureOf } from '../architectures/index.ts';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import type { UnroundedWeights } from '../types.ts';
import { weightSource } from '../weights/weight-source.ts';

/** How transformers and Optimum call the inputs of a pass. */
const inputs: Record<ForwardInputName, readonly [name: string, dtype: DataType, shape: Shape]> = {
  ids: ['input_ids', 'int64', ['batch_size', 'sequence_length']],
  mask: ['attention_mask', 'int64', ['batch_size', 'sequence_length']],
  positions: ['position_ids', 'int64', ['batch_size', 'sequence_length']],
  tokenTypes: ['token_type_ids', 'int64', ['batch_size', 'sequence_length']],
  decoderIds: ['decoder_input_ids', 'int64', ['batch_size', 'decoder_sequence_length']],
  decoderMask: ['decoder_attention_mask', 'int64', ['batch_size', 'decoder_sequence_length']],
  pixels: ['pixel_values', 'float32', ['batch_size', 'num_channels', 'height', 'width']],
};

/** And the outputs; others keep our names. */
const outputs: Record<string, string> = {
  hidden: 'last_hidden_state',
  pooled: 'pooler_output',
  textEmbeds: 'text_embeds',
  imageEmbeds: 'image_embeds',
  encoderHidden: 'encoder_last_hidden_state',
};

export interface OnnxOptions {
  /** How weights take part in products. Default `fp32`; the others use ONNX Runtime's own operator MatMulNBits. */
  weights?: UnroundedWeights | undefined;
  /** The name of the file of weights, beside the model's. Default `model.onnx.data`. */
  location?: string | undefined;
}

/**
 * A whole pass of a model without a cache as an ONNX model, head included: token ids and padding mask (and token types, pixels, the
 * decoder's ids, as the architecture takes them) in, its outputs (`logits`, `last_hidden_state`, ...) out, each under transformers'
 * name. Positions count from 0. Nothing is read of the weights before their bytes are asked for. Throws a sentence where the
 * architecture is not built.
 */
export function onnxProgram(
  { config, tensors }: { config: ModelConfig; tensors: ReadonlyMap<string, WeightTensor> },
  { weights = 'fp32', location = 'model.onnx.data' }: OnnxOptions = {},
): OnnxProgram {
  const architecture = architectureOf(config);
  const { required, optional } = architecture.inputs(config);
  const names = [...required, ...optional.filter((name) => name !== 'positions')];
  const given = Object.fromEntries(
    names.map((name) => {
      const [field, dtype, shape] = inputs[name];
      return [name, input(field, dtype, name === 'pixels' ? imageShape(config, shape) : shape)];
    }),
  ) as ForwardTensors;
  const answer = architecture.forward(config, weightSource(tensors, weights), given, {});
  const named: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(answer)) named[outputs[name] ?? name] = tensor;
  return toOnnx(named, { location, standard: true });
}

/** Patches are cut from images of one size: the one that the model was made for. */
function imageShape(config: ModelConfig, shape: Shape): Shape {
  const own = (config.vision_config ?? config) as Record<string, unknown>;
  const { num_channels: channels = 3, image_size: size = 224 } = own;
  const [height, width] = Array.isArray(size) ? size : [size, size];
  return [shape[0]!, Number(channels), Number(height), Number(width)];
}
