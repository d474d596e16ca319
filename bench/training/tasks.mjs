/** What is trained: the same shapes for every engine. Parameters in products, for the arithmetic of a step. */
export const tasks = {
  gpt: {
    title: 'GPT of 6.7 M parameters from scratch, 8 x 256 tokens',
    rows: 8,
    length: 256,
    layers: 6,
    hidden: 288,
    heads: 6,
    intermediate: 1152,
    vocabulary: 2048,
    classes: 2048,
  },
  minilm: {
    title: 'all-MiniLM-L6-v2 fine-tuned to 8 classes, 32 x 64 tokens',
    rows: 32,
    length: 64,
    layers: 6,
    hidden: 384,
    heads: 12,
    intermediate: 1536,
    vocabulary: 30522,
    classes: 8,
  },
};

/**
 * Multiplications and additions of a step's products: two a weight and token forwards and four backwards, and as many for the two
 * products of attention over the whole length. The head counts where it reads every token.
 */
export function operationsOf({ rows, length, layers, hidden, intermediate, classes, vocabulary }) {
  const tokens = rows * length;
  const head = classes === vocabulary ? classes * hidden : 0;
  const weights = layers * (4 * hidden * hidden + 2 * hidden * intermediate) + head;
  return 6 * tokens * (weights + layers * 2 * length * hidden);
}
