/** Attention in plain loops, as the oracle of the fused kernels. All arrays are row-major; a head is a contiguous slice of features. */

export interface PlainAttention {
  heads: number;
  kvHeads: number;
  size: number;
  /** `[queries][heads * size]`, `[keys][kvHeads * size]`. */
  query: number[][];
  key: number[][];
  value: number[][];
  scale?: number;
  /** What a scaled score becomes before the bias is added. */
  cap?: (score: number) => number;
  /** Added to the score of a query and a key; -Infinity hides the key. */
  bias?: (head: number, query: number, key: number) => number;
}

/** `[queries][heads * size]`. */
export function plainAttention({
  heads,
  kvHeads,
  size,
  query,
  key,
  value,
  scale,
  cap = (score) => score,
  bias,
}: PlainAttention): number[][] {
  const factor = scale ?? 1 / Math.sqrt(size);
  return query.map((row, q) => {
    const result: number[] = [];
    for (let head = 0; head < heads; head++) {
      const group = Math.floor(head / (heads / kvHeads));
      const scores = key.map((k, t) => {
        let dot = 0;
        for (let i = 0; i < size; i++) dot += row[head * size + i]! * k[group * size + i]!;
        return cap(dot * factor) + (bias?.(head, q, t) ?? 0);
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let i = 0; i < size; i++) {
        result.push(value.reduce((sum, v, t) => sum + (weights[t]! / total) * v[group * size + i]!, 0));
      }
    }
    return result;
  });
}

/** Angles of position `p`: one for each pair `(i, i + size / 2)` of features. */
export const angles = (position: number, size: number, base = 10000): number[] =>
  Array.from({ length: size / 2 }, (_, i) => position / base ** ((2 * i) / size));

/** Each head of a row rotated to its position, halves paired (Llama's layout in Hugging Face files). */
export function plainRotation(row: number[], position: number, size: number): number[] {
  const angle = angles(position, size);
  const result = [...row];
  for (let head = 0; head < row.length / size; head++) {
    for (let i = 0; i < size / 2; i++) {
      const [a, b] = [row[head * size + i]!, row[head * size + size / 2 + i]!];
      result[head * size + i] = a * Math.cos(angle[i]!) - b * Math.sin(angle[i]!);
      result[head * size + size / 2 + i] = b * Math.cos(angle[i]!) + a * Math.sin(angle[i]!);
    }
  }
  return result;
}

/** The flat data of a `[rows, width]` tensor as rows. */
export const toRows = (data: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: data.length / width }, (_, i) => Array.from(data).slice(i * width, (i + 1) * width));
