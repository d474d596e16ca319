/**
 * GPT-2's table of bytes as visible characters (`bytes_to_unicode` in its encoder.py): printable Latin-1 stands for
 * itself, the other 68 bytes for U+0100 onwards. Here from character to byte.
 */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(pairs());

function* pairs(): Generator<[string, number]> {
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    yield [String.fromCharCode(visible ? byte : next++), byte];
  }
}

/** The bytes that a token of a byte-level vocabulary stands for. */
export function bytesOfToken(token: string): Uint8Array {
  return Uint8Array.from(token, (character) => byteOfCharacter.get(character) ?? 0);
}
