import { type Fields, flagOf, listOf } from '../fields.ts';
import { Trie } from '../trie.ts';
import { byteTokens, checkToken, remembered, type Vocabulary, type Word } from './vocabulary.ts';

/** What an unknown character scores below the least likely token (SentencePiece's kUnkPenalty). */
const unknownPenalty = 10;

const encoder = new TextEncoder();

/** The likeliest parting of a text into tokens, each with its logarithmic probability. */
export function unigram(model: Fields): Vocabulary {
  const entries = listOf(model, 'vocab', Number.MAX_SAFE_INTEGER);
  const tokens = new Trie();
  const idOf = new Map<string, number>();
  const scores = new Float64Array(entries.length);
  entries.forEach((entry, id) => {
    const [token, score] = Array.isArray(entry) ? entry : [undefined, undefined];
    checkToken(token);
    if (typeof score !== 'number') throw new Error(`its vocabulary gives ${JSON.stringify(token)} no score`);
    scores[id] = score;
    idOf.set(token, id);
    tokens.add(token, id);
  });
  const unknown = unknownId(model, entries.length);
  const unknownScore =
    scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - unknownPenalty;
  const bytes = flagOf(model, 'byte_fallback', false) ? byteTokens(idOf) : undefined;

  const parts = (word: string): Word => {
    const best = new Float64Array(word.length + 1);
    const from = new Int32Array(word.length + 1).fill(-1);
    const token = new Int32Array(word.length + 1);
    const reach = (start: number, end: number, id: number, score: number) => {
      if (from[end]! >= 0 && score <= best[end]!) return;
      best[end] = score;
      from[end] = start;
      token[end] = id;
    };
    for (let start = 0; start < word.length; ) {
      const size = word.codePointAt(start)! > 0xffff ? 2 : 1;
      let covered = false;
      let node = 0;
      for (let end = start + 1; end <= word.length; end++) {
        node = tokens.step(node, word.charCodeAt(end - 1));
        if (node < 0) break;
        const id = tokens.valueAt(node);
        if (id < 0) continue;
        reach(start, end, id, best[start]! + scores[id]!);
        covered ||= end - start === size;
      }
      if (!covered) reach(start, start + size, unknown(), best[start]! + unknownScore);
      start += size;
    }
    return spell(word, from, token);
  };

  /** From the ends to the ids: unknown characters side by side are one. */
  const spell = (word: string, from: Int32Array, token: Int32Array): Word => {
    const ends: number[] = [];
    for (let end = word.length; end > 0; end = from[end]!) {
      const isUnknown = token[end] === model.unk_id;
      if (!isUnknown || end === word.length || token[ends.at(-1)!] !== model.unk_id) ends.push(end);
    }
    ends.reverse();
    const made: Word = { ids: [], starts: [], ends: [] };
    let start = 0;
    for (const end of ends) {
      const text = word.slice(start, end);
      const known = idOf.get(text);
      const byByte = known === undefined && bytes ? Array.from(encoder.encode(text), (byte) => bytes[byte]!) : [-1];
      const ids = known !== undefined ? [known] : byByte.includes(-1) ? [unknown()] : byByte;
      for (const id of ids) {
        made.ids.push(id);
        made.starts.push(start);
        made.ends.push(end);
      }
      start = end;
    }
    return made;
  };
  return { idOf, parts: remembered(parts) };
}

function unknownId(model: Fields, size: number): () => number {
  const id = model.unk_id ?? undefined;
  if (id !== undefined && !(Number.isInteger(id) && (id as number) >= 0 && (id as number) < size))
    throw new Error(`"unk_id" of Unigram is ${String(id).slice(0, 40)}; it must be one of its ${size} tokens`);
  return () => {
    if (id === undefined) throw new Error('it meets a character that no token stands for, and has no unknown token');
    return id as number;
  };
}
