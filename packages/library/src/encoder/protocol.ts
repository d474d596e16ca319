/** What client and encoder say to each other: one JSON object a line, answers in any order, told apart by `id`. */
import type { EncoderStatus } from '../types.ts';

export type EncoderRequest =
  | { id: number; type: 'status' }
  /** `wait`: answer when the model is there, however long it takes to come; otherwise a sentence at once while it downloads. */
  | { id: number; type: 'embed'; texts: string[]; wait?: boolean };

export type EncoderResponse =
  | { id: number; status: EncoderStatus }
  /** Each vector as base64 of 384 little-endian float32. */
  | { id: number; vectors: string[] }
  | { id: number; error: string };

export const encoderLimits = { texts: 256, lineBytes: 4_000_000 } as const;

export const packVector = (vector: Float32Array): string =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');

export function unpackVector(text: string): Float32Array {
  // A copy, so that the floats are aligned.
  return new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
}

/** Calls `onLine` for each whole line of a stream of chunks; throws when a line gets longer than the limit. */
export function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let bytes = 0;
  return (chunk) => {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      parts.push(chunk.subarray(begin, end));
      onLine(Buffer.concat(parts).toString('utf8'));
      parts = [];
      bytes = 0;
      begin = end + 1;
    }
    const rest = chunk.subarray(begin);
    bytes += rest.length;
    if (bytes > encoderLimits.lineBytes) {
      throw new Error(`A line to the encoder has more than ${encoderLimits.lineBytes} bytes.`);
    }
    parts.push(rest);
  };
}
