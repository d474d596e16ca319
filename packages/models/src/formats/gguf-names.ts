import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufLayout, RowSwap } from './gguf-layouts.ts';

/**
 * The Hugging Face name of a GGUF tensor. Throws for a tensor that has none, so that no weight is left out in silence.
 * `gated` says whether the model's MLPs have a gate, which T5 names differently.
 */
export function huggingFaceName(name: string, { whole, blocks }: GgufLayout, gated = true): string {
  const found = /^(?:(.+)\.(\d{1,5})\.)?([a-z_.]+)\.(weight|bias)$/.exec(name);
  const [, kind, block, part, suffix] = found ?? [];
  if (kind !== undefined && Object.hasOwn(blocks, kind)) {
    const { prefix, names } = blocks[kind]!;
    const inner = Object.hasOwn(names, part!) ? names[part!]! : undefined;
    if (inner) return `${prefix}.${Number(block)}.${gated ? inner : ungated(inner)}.${suffix}`;
  }
  if (found && kind === undefined && Object.hasOwn(whole, part!)) return `${whole[part!]}.${suffix}`;
  throw new FormatError(
    `The GGUF file holds the tensor ${show(name)}, which is not one of the layout of its architecture; take the model's safetensors files.`,
  );
}

/** The GGUF name of a Hugging Face tensor; undefined for one that llama.cpp has no use for. Throws for one that has no place. */
export function ggufName(name: string, layout: GgufLayout): string | undefined {
  if (layout.unused?.test(name)) return undefined;
  for (const full of layout.base === undefined ? [name] : [name, `${layout.base}${name}`]) {
    const suffix = /\.(weight|bias)$/.exec(full)?.[1];
    if (suffix === undefined) break;
    const stem = full.slice(0, -suffix.length - 1);
    const outer = keyOf(layout.whole, stem);
    if (outer !== undefined) return `${outer}.${suffix}`;
    for (const [kind, { prefix, names }] of Object.entries(layout.blocks)) {
      const rest = stem.startsWith(`${prefix}.`) ? /^(\d{1,5})\.(.+)$/.exec(stem.slice(prefix.length + 1)) : null;
      const inner = rest && keyOf(names, rest[2]!.replace(/\.wi$/, '.wi_1'));
      if (inner) return `${kind}.${rest[1]}.${inner}.${suffix}`;
    }
  }
  throw new FormatError(
    `The tensor ${show(name)} has no place in a GGUF file of this architecture; save the model as a Hugging Face folder.`,
  );
}

const keyOf = (names: Readonly<Record<string, string>>, value: string): string | undefined =>
  Object.keys(names).find((key) => names[key] === value);

/** T5's first matrix is `wi` where there is no gate. */
const ungated = (name: string): string => name.replace(/\.wi_1$/, '.wi');

/**
 * Bytes of rows `[outer, second, first, inner]` from those of rows `[outer, first, second, inner]`. Rows move whole, so quantised
 * blocks stay as they are. Throws where the rows cannot be parted so.
 */
export function swapRows(bytes: Uint8Array, rows: number, { outer, first, second, inner }: RowSwap): Uint8Array {
  const rowBytes = bytes.byteLength / rows;
  const sizes = [outer, first, second, inner];
  if (outer * first * second * inner !== rows || !sizes.every(Number.isInteger) || !Number.isInteger(rowBytes)) {
    throw new FormatError(
      `${rows} rows of ${bytes.byteLength} bytes in all cannot be parted into ${sizes.join(' x ')}.`,
    );
  }
  const swapped = new Uint8Array(bytes.byteLength);
  const piece = inner * rowBytes;
  let from = 0;
  for (let a = 0; a < outer; a++) {
    for (let b = 0; b < first; b++) {
      for (let c = 0; c < second; c++, from += piece) {
        swapped.set(bytes.subarray(from, from + piece), ((a * second + c) * first + b) * piece);
      }
    }
  }
  return swapped;
}

/** The swap that undoes another. */
export const swappedBack = ({ outer, first, second, inner }: RowSwap): RowSwap => ({
  outer,
  first: second,
  second: first,
  inner,
});
