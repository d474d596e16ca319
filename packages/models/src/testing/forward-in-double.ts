/** Independent oracles: forward passes in plain loops and double precision, from the papers' formulas; slow and small on purpose. */
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import { valuesOf } from './random-checkpoint.ts';

type Matrix = number[][];
/** By places of the text, layer and key head. */
type Sees = (query: number, key: number, layer: number, head: number) => boolean;
/** How far apart a query and a key are held to be. */
type Distance = (query: number, key: number, layer: number, head: number) => number;

const times = (x: Matrix, weight: Float32Array, rows: number): Matrix =>
  x.map((row) =>
    Array.from({ length: rows }, (_, out) => {
      let sum = 0;
      for (let i = 0; i < row.length; i++) sum += row[i]! * weight[out * row.length + i]!;
      return sum;
    }),
  );
const plus = (x: Matrix, bias: ArrayLike<number>): Matrix => x.map((row) => row.map((value, i) => value + bias[i]!));
const sum = (a: Matrix, b: Matrix): Matrix => a.map((row, r) => row.map((value, i) => value + b[r]![i]!));

function attend(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  { heads, kvHeads, layer, sees }: { heads: number; kvHeads: number; layer: number; sees: Sees },
  turned?: { distance: Distance; theta: number },
): Matrix {
  const width = q[0]!.length / heads;
  return q.map((query, i) => {
    const out: number[] = [];
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const kv = kvHead * width;
      const own = query.slice(head * width, (head + 1) * width);
      const scores = k.map((key, j) => {
        if (!sees(i, j, layer, kvHead)) return Number.NEGATIVE_INFINITY;
        // Only the distance counts: the query turned by it meets the key as it is.
        const [at] = turned ? rotate([own], [turned.distance(i, j, layer, kvHead)], 1, turned.theta) : [own];
        let dot = 0;
        for (let d = 0; d < width; d++) dot += at![d]! * key[kv + d]!;
        return dot / Math.sqrt(width);
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let d = 0; d < width; d++)
        out.push(v.reduce((acc, value, j) => acc + (weights[j]! / total) * value[kv + d]!, 0));
    }
    return out;
  });
}

function rotate(x: Matrix, positions: readonly number[], heads: number, theta: number): Matrix {
  return x.map((row, t) => {
    const width = row.length / heads;
    const half = width / 2;
    return row.map((value, i) => {
      const d = i % width;
      const angle = positions[t]! * theta ** ((-2 * (d % half)) / width);
      const other = d < half ? -row[i + half]! : row[i - half]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  });
}

export interface LlamaForward {
  logits: Matrix;
  /** A matrix `[sequence, kvHeads * headDim]` a layer. */
  keys: Matrix[];
  values: Matrix[];
}

export function llamaInDouble(
  config: ModelConfig,
  tensors: ReadonlyMap<string, WeightTensor>,
  ids: readonly number[],
  {
    positions = ids.map((_, i) => i),
    sees = (query, key) => key <= query,
    distance,
  }: {
    positions?: number[];
    sees?: Sees /** In place of that of the positions; keys are then given unrotated. */;
    distance?: Distance;
  } = {},
): LlamaForward {
  const w = (name: string) => valuesOf(tensors, name);
  const { hidden_size: hidden, num_attention_heads: heads } = config;
  const kvHeads = config.num_key_value_heads ?? heads;
  const width = config.head_dim ?? hidden / heads;
  const norm = (x: Matrix, gain: Float32Array): Matrix =>
    x.map((row) => {
      const scale = 1 / Math.sqrt(row.reduce((a, b) => a + b * b, 0) / row.length + config.rms_norm_eps!);
      return row.map((value, i) => value * scale * gain[i]!);
    });
  const table = w('model.embed_tokens.weight');
  let x: Matrix = ids.map((id) => Array.from(table.subarray(id * hidden, (id + 1) * hidden)));
  const keys: Matrix[] = [];
  const values: Matrix[] = [];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const p = `model.layers.${layer}`;
    const project = (from: Matrix, name: string, rows: number) => {
      const y = times(from, w(`${p}.self_attn.${name}_proj.weight`), rows);
      return tensors.has(`${p}.self_attn.${name}_proj.bias`) ? plus(y, w(`${p}.self_attn.${name}_proj.bias`)) : y;
    };
    const h = norm(x, w(`${p}.input_layernorm.weight`));
    const theta = config.rope_theta!;
    const turn = (x: Matrix, count: number) => (distance ? x : rotate(x, positions, count, theta));
    const q = turn(project(h, 'q', heads * width), heads);
    const k = turn(project(h, 'k', kvHeads * width), kvHeads);
    const v = project(h, 'v', kvHeads * width);
    keys.push(k);
    values.push(v);
    const attended = attend(q, k, v, { heads, kvHeads, layer, sees }, distance && { distance, theta });
    x = sum(x, project(attended, 'o', hidden));
    const m = norm(x, w(`${p}.post_attention_layernorm.weight`));
    const gate = times(m, w(`${p}.mlp.gate_proj.weight`), config.intermediate_size);
    const up = times(m, w(`${p}.mlp.up_proj.weight`), config.intermediate_size);
    const inner = gate.map((row, t) => row.map((g, i) => (g / (1 + Math.exp(-g))) * up[t]![i]!));
    x = sum(x, times(inner, w(`${p}.mlp.down_proj.weight`), hidden));
  }
  const head = w(tensors.has('lm_head.weight') ? 'lm_head.weight' : 'model.embed_tokens.weight');
  return { logits: times(norm(x, w('model.norm.weight')), head, config.vocab_size), keys, values };
}

/** erf by its Taylor series (small arguments only need a few dozen terms in double precision). */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

export function bertInDouble(
  config: ModelConfig,
  tensors: ReadonlyMap<string, WeightTensor>,
  ids: readonly number[],
  { positions = ids.map((_, i) => i), sees = () => true }: { positions?: number[]; sees?: Sees } = {},
): Matrix {
  const w = (name: string) => valuesOf(tensors, name);
  const { hidden_size: hidden, num_attention_heads: heads } = config;
  const norm = (x: Matrix, name: string): Matrix => {
    const [gain, shift] = [w(`${name}.weight`), w(`${name}.bias`)];
    return x.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      return row.map(
        (value, i) => ((value - mean) / Math.sqrt(variance + config.layer_norm_eps!)) * gain[i]! + shift[i]!,
      );
    });
  };
  const linear = (x: Matrix, name: string, rows: number) =>
    plus(times(x, w(`${name}.weight`), rows), w(`${name}.bias`));
  const row = (name: string, index: number) => w(name).subarray(index * hidden, (index + 1) * hidden);
  let x: Matrix = ids.map((id, t) =>
    Array.from(
      row('embeddings.word_embeddings.weight', id),
      (value, i) =>
        value +
        row('embeddings.position_embeddings.weight', positions[t]!)[i]! +
        row('embeddings.token_type_embeddings.weight', 0)[i]!,
    ),
  );
  x = norm(x, 'embeddings.LayerNorm');
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const p = `encoder.layer.${layer}`;
    const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(x, `${p}.attention.self.${name}`, hidden));
    const attended = attend(q!, k!, v!, { heads, kvHeads: heads, layer, sees });
    x = norm(sum(x, linear(attended, `${p}.attention.output.dense`, hidden)), `${p}.attention.output.LayerNorm`);
    const inner = linear(x, `${p}.intermediate.dense`, config.intermediate_size).map((line) =>
      line.map((value) => 0.5 * value * (1 + erf(value / Math.SQRT2))),
    );
    x = norm(sum(x, linear(inner, `${p}.output.dense`, hidden)), `${p}.output.LayerNorm`);
  }
  return x;
}
