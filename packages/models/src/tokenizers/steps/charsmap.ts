/**
 * SentencePiece's table of texts and what they become (`precompiled_charsmap`): a double-array trie over UTF-8 bytes, and the
 * replacements, each ended by a zero byte. Throws when the two do not fit together.
 */
export function parseCharsmap(bytes: Uint8Array): (piece: string) => string | undefined {
  if (bytes.length < 4) throw new Error(`its precompiled_charsmap has ${bytes.length} bytes, which hold no table`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(0, true);
  if (size % 4 !== 0 || size > bytes.length - 4)
    throw new Error(`its precompiled_charsmap says that its trie has ${size} of ${bytes.length} bytes`);
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = bytes.subarray(4 + size);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  // The Python library takes the shortest text of the table that the piece begins with, and replaces the whole piece.
  return (piece) => {
    let unit = units[0];
    if (unit === undefined) return undefined;
    let node = offsetOf(unit);
    for (const byte of encoder.encode(piece)) {
      if (byte === 0) return undefined;
      node ^= byte;
      unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) !== byte) return undefined;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) {
        const start = (units[node] ?? 0) & 0x7fffffff;
        const end = replacements.indexOf(0, start);
        return decoder.decode(replacements.subarray(start, end < 0 ? replacements.length : end));
      }
    }
    return undefined;
  };
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
