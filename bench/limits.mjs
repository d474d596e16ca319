/** What the limits of a machine, as limits.py measures them, allow of SmolLM2-135M. */
const layers = 30;
const hidden = 576;
/** Weights of the layers' products, and of the head that shares its matrix with the embedding. */
const layerWeights = layers * (2 * hidden * hidden + 2 * hidden * 192 + 3 * hidden * 1536);
const headWeights = 49152 * hidden;

/**
 * Prompt tokens/s when only fp32 products take time: two operations a weight and token, and in attention two products of `hidden` numbers
 * with each of the `length / 2` tokens before, on average; the head is computed for one token.
 */
export const prefillLimit = ({ gflops }, length) => (gflops * 1e9) / (2 * layerWeights + 2 * layers * hidden * length);

/**
 * Tokens/s of all `rows` when a step reads each weight once, or when fp32 products are what takes longer; the cache, small at short
 * contexts, is left out.
 */
export const decodeLimit = ({ gflops, gigabytes }, { weightBytes, rows }) =>
  rows / Math.max(weightBytes / (gigabytes * 1e9), (rows * 2 * (layerWeights + headWeights)) / (gflops * 1e9));
