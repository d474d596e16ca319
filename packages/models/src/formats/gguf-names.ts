import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufTensor } from './gguf.ts';

/** Hugging Face names of llama.cpp's tensors, for Llama and the models that share its layout. */
const names: Record<string, string> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

/** Names inside a block: `blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`. */
const blockNames: Record<string, string> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/**
 * The Hugging Face name of a GGUF tensor. Throws for a tensor that has none, so that no weight is left out in silence.
 */
export function huggingFaceName(name: string): string {
  const block = /^blk\.(\d{1,5})\.([a-z_]+)\.(weight|bias)$/.exec(name);
  if (block) {
    const inner = Object.hasOwn(blockNames, block[2]!) ? blockNames[block[2]!] : undefined;
    if (inner) return `model.layers.${Number(block[1])}.${inner}.${block[3]}`;
  }
  const whole = /^([a-z_]+)\.(weight|bias)$/.exec(name);
  const outer = whole && Object.hasOwn(names, whole[1]!) ? names[whole[1]!] : undefined;
  if (outer) return `${outer}.${whole![2]}`;
  throw new FormatError(
    `The GGUF file holds the tensor ${show(name)}, which is not one of the Llama layout that is read here; take the model's safetensors files.`,
  );
}

/** The heads by which llama.cpp's converter permuted the rows of this tensor, or undefined when it did not. */
export function permutedHeads(
  tensor: Pick<GgufTensor, 'name'>,
  architecture: string,
  heads: number,
  keyHeads: number,
): number | undefined {
  if (architecture !== 'llama') return undefined;
  if (/\.attn_q\.(weight|bias)$/.test(tensor.name)) return heads;
  if (/\.attn_k\.(weight|bias)$/.test(tensor.name)) return keyHeads;
  return undefined;
}

/**
 * Rows in Hugging Face's order from rows in llama.cpp's. Its converter (`permute` in convert_hf_to_gguf.py) lays the
 * two halves of each head side by side for an interleaved rotary embedding: row 2j + s of a head was row
 * s * size/2 + j. Rows move whole, so quantised blocks stay as they are. `bytes` holds `rows` rows of equal length.
 */
export function undoRowPermutation(bytes: Uint8Array, rows: number, heads: number): Uint8Array {
  const size = rows / heads;
  const rowBytes = bytes.byteLength / rows;
  if (!Number.isInteger(size) || size % 2 !== 0 || !Number.isInteger(rowBytes)) {
    throw new FormatError(
      `${rows} rows of ${bytes.byteLength} bytes cannot be parted into ${heads} heads of an even size.`,
    );
  }
  const ordered = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / size);
    const inner = row - head * size;
    const half = inner < size / 2 ? 0 : 1;
    const source = head * size + 2 * (inner - half * (size / 2)) + half;
    ordered.set(bytes.subarray(source * rowBytes, (source + 1) * rowBytes), row * rowBytes);
  }
  return ordered;
}
