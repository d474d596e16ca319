import { gelu, quickGelu, relu, silu, type Tensor, tanh } from '@working-papers/graph';

const activations: Record<string, (x: Tensor) => Tensor> = {
  gelu: (x) => gelu(x),
  gelu_new: (x) => gelu(x, { approximate: 'tanh' }),
  gelu_pytorch_tanh: (x) => gelu(x, { approximate: 'tanh' }),
  gelu_fast: (x) => gelu(x, { approximate: 'tanh' }),
  quick_gelu: (x) => quickGelu(x),
  relu,
  silu,
  swish: silu,
  tanh,
};

/** The activation of that name in a Hugging Face configuration; throws a sentence when there is none. */
export function activationOf(name: string, model: string): (x: Tensor) => Tensor {
  const activation = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (!activation) {
    throw new Error(
      `The activation '${name}' is not built for ${model} models; these are: ${Object.keys(activations).join(', ')}.`,
    );
  }
  return activation;
}
