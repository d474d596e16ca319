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
  lora: {
    title: 'LoRA (rank 8, queries and values) on SmolLM2-135M, 4 x 256 tokens',
    rows: 4,
    length: 256,
    layers: 30,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    gated: true,
    intermediate: 1536,
    vocabulary: 49152,
    classes: 49152,
    rank: 8,
    targets: ['q_proj', 'v_proj'],
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
 * Multiplications and additions of a step's products: two a weight and token forwards, two for what is handed back and two for the weight
 * where it is trained, and the same for the two products of attention over the whole length. The head counts where it reads every token,
 * low ranks do not.
 */
export function operationsOf(task) {
  const { rows, length, layers, hidden, heads, kvHeads = heads, gated, intermediate, classes, vocabulary, rank } = task;
  const tokens = rows * length;
  const head = classes === vocabulary ? classes * hidden : 0;
  const attention = 2 * hidden * hidden * (1 + kvHeads / heads);
  const weights = layers * (attention + (gated ? 3 : 2) * hidden * intermediate) + head;
  return tokens * ((rank ? 4 : 6) * weights + 6 * layers * 2 * length * hidden);
}
