import { base64 } from '../base64.ts';
import type { Piece, SentencePiece } from './sentencepiece.ts';

/** Pieces of a SentencePiece model, at most. */
const mostPieces = 2_000_000;

const kinds: Record<number, Piece['kind']> = {
  1: 'normal',
  2: 'unknown',
  3: 'control',
  4: 'defined',
  5: 'unused',
  6: 'byte',
};

/**
 * Reads a SentencePiece model (`spiece.model`, `tokenizer.model`): the protocol buffer of sentencepiece_model.proto, of which only
 * the fields that encoding needs. Throws a sentence when the bytes are no such model.
 */
export function parseSentencePiece(bytes: Uint8Array): SentencePiece {
  const pieces: Piece[] = [];
  let trainer = new Map<number, Value>();
  let normaliser = new Map<number, Value>();
  for (const { field, value } of fieldsIn(bytes)) {
    if (!(value instanceof Uint8Array)) continue;
    if (field === 1) {
      if (pieces.length === mostPieces) throw new Error(`it has more than ${mostPieces} pieces`);
      pieces.push(pieceOf(lastOf(value)));
    } else if (field === 2) trainer = lastOf(value);
    else if (field === 3) normaliser = lastOf(value);
  }
  if (pieces.length === 0) throw new Error('it has no pieces, so it is no SentencePiece model');
  const algorithm = trainer.get(3) ?? 1;
  if (algorithm !== 1 && algorithm !== 2)
    throw new Error(`its model_type is ${String(algorithm)}; unigram (1) and bpe (2) are read`);
  const charsmap = normaliser.get(2);
  return {
    algorithm: algorithm === 1 ? 'unigram' : 'bpe',
    pieces,
    charsmap: charsmap instanceof Uint8Array ? base64(charsmap) : '',
    prefixes: normaliser.get(3) !== 0,
    trims: normaliser.get(4) !== 0,
    byteFallback: trainer.get(35) === 1,
  };
}

function pieceOf(fields: ReadonlyMap<number, Value>): Piece {
  const text = fields.get(1);
  const score = fields.get(2);
  const kind = kinds[Number(fields.get(3) ?? 1)];
  if (!(text instanceof Uint8Array) || kind === undefined)
    throw new Error('it has a piece without a text or of no known kind');
  return {
    text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(text),
    score: typeof score === 'number' ? score : 0,
    kind,
  };
}

type Value = number | Uint8Array;

/** The last value of every field, as protocol buffers have it. */
function lastOf(bytes: Uint8Array): Map<number, Value> {
  const fields = new Map<number, Value>();
  for (const { field, value } of fieldsIn(bytes)) fields.set(field, value);
  return fields;
}

/** The fields of a protocol buffer: whole numbers, floats, and bytes that are not copied. */
function* fieldsIn(bytes: Uint8Array): Generator<{ field: number; value: Value }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const need = (count: number) => {
    if (!(count >= 0 && at + count <= bytes.length)) throw new Error(`it ends inside a field, at byte ${bytes.length}`);
  };
  const whole = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      need(1);
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      if (shift >= 63) throw new Error('it has a number of more than ten bytes');
    }
  };
  while (at < bytes.length) {
    const key = whole();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield { field, value: whole() };
        break;
      case 1:
        need(8);
        yield { field, value: view.getFloat64(at, true) };
        at += 8;
        break;
      case 2: {
        const length = whole();
        need(length);
        yield { field, value: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        need(4);
        yield { field, value: view.getFloat32(at, true) };
        at += 4;
        break;
      default:
        throw new Error(`it has a field of wire type ${key % 8}, which is no protocol buffer that is read here`);
    }
  }
}
