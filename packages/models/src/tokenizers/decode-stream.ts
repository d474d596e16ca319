import { bytesOfToken } from './byte-level.ts';
import type { DecodeStream } from './types.ts';

/**
 * Streams a byte-level vocabulary: each token is bytes, and a UTF-8 decoder keeps what is not yet a whole character.
 * `tokenOf` gives a token's text, `isAdded` whether it stands for itself (added tokens are not in byte characters).
 */
export function byteLevelStream(
  tokenOf: (id: number) => string | undefined,
  isAdded: (token: string) => boolean,
  isSkipped: (token: string) => boolean,
): DecodeStream {
  let decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const flush = () => {
    const rest = decoder.decode();
    decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return rest;
  };
  return {
    push(id) {
      const token = tokenOf(id);
      if (token === undefined || isSkipped(token)) return '';
      if (isAdded(token)) return flush() + token;
      return decoder.decode(bytesOfToken(token), { stream: true });
    },
    end: flush,
  };
}

/**
 * Streams any other vocabulary by decoding the last few tokens together and giving what was added. Text that ends in
 * U+FFFD may be half a character (byte fallback) and is held back until it is whole.
 */
export function windowStream(decode: (ids: readonly number[]) => string): DecodeStream {
  let context: number[] = [];
  let held: number[] = [];
  const fresh = () => decode([...context, ...held]).slice(decode(context).length);
  return {
    push(id) {
      held.push(id);
      const text = fresh();
      if (text === '' || (text.endsWith('\ufffd') && held.length < 16)) return '';
      context = held;
      held = [];
      return text;
    },
    end() {
      const text = held.length === 0 ? '' : fresh();
      context = [];
      held = [];
      return text;
    },
  };
}
