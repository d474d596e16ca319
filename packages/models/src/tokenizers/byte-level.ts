import type { AlignedText } from './aligned-text.ts';

/**
 * GPT-2's table of bytes as visible characters (`bytes_to_unicode` in its encoder.py): printable Latin-1 stands for
 * itself, the other 68 bytes for U+0100 onwards. Here from character to byte.
 */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(pairs());

const characterOfByte: readonly string[] = charactersByByte();

function* pairs(): Generator<[string, number]> {
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    yield [String.fromCharCode(visible ? byte : next++), byte];
  }
}

function charactersByByte(): string[] {
  const characters: string[] = [];
  for (const [character, byte] of byteOfCharacter) characters[byte] = character;
  return characters;
}

/** The bytes that a token of a byte-level vocabulary stands for. */
export function bytesOfToken(token: string): Uint8Array {
  return Uint8Array.from(token, (character) => byteOfCharacter.get(character) ?? 0);
}

const encoder = new TextEncoder();
const written = new Map<string, string>();

/** The UTF-8 bytes of a character as visible characters. */
function bytesAsText(character: string): string {
  let text = written.get(character);
  if (text === undefined) {
    text = Array.from(encoder.encode(character), (byte) => characterOfByte[byte]).join('');
    if (written.size < 10_000) written.set(character, text);
  }
  return text;
}

const invisible = /[^!-~]/gu;

const ascii = /^\p{ASCII}*$/u;

/** A text as the visible characters of its bytes; all bytes of a character come from where it does. */
export const byteCharacters = (text: AlignedText): AlignedText =>
  ascii.test(text.text)
    ? text.withText(text.text.replace(invisible, bytesAsText))
    : text.rewrite(invisible, bytesAsText);
