/** What the tests share: the founding page, registrations made from the first lines of the papers' notes, a stand-in encoder. */
import { readFileSync } from 'node:fs';
import { wordsOf } from '../text.ts';
import type { Encode, PaperRegistration } from '../types.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
export const foundingPage = read('../../../../seed/daily-papers.txt');
export const registrations = JSON.parse(read('../../src/fixtures/registrations.json')) as readonly PaperRegistration[];

/** Deterministic: the first six letters of each longer word in one of 384 buckets, so that shared words mean nearness. */
export function hashVector(text: string): Float32Array {
  const vector = new Float32Array(384);
  for (const word of wordsOf(text).filter((word) => word.length > 3)) {
    let hash = 2166136261;
    for (const letter of word.slice(0, 6)) hash = Math.imul(hash ^ letter.codePointAt(0)!, 16777619);
    const bucket = (hash >>> 0) % 384;
    vector[bucket] = vector[bucket]! + 1;
  }
  const norm = Math.hypot(...vector) || 1;
  return vector.map((x) => x / norm);
}

export const hashEncoder: Encode = async (text) => hashVector(text);
