import { type Fields, flagOf, listOf, optionalText } from '../fields.ts';
import { PairTable } from '../pair-table.ts';
import { MergeQueue } from './merge-queue.ts';
import { byteTokens, idsByToken, remembered, type Vocabulary, type Word } from './vocabulary.ts';

const encoder = new TextEncoder();

/** Byte-pair encoding: characters, of which the pair that was merged first in training is merged first. */
export function bpe(model: Fields): Vocabulary {
  const idOf = idsByToken(model);
  const prefix = optionalText(model, 'continuing_subword_prefix') ?? '';
  const suffix = optionalText(model, 'end_of_word_suffix') ?? '';
  const unknownToken = optionalText(model, 'unk_token');
  const fuses = flagOf(model, 'fuse_unk', false);
  const whole = flagOf(model, 'ignore_merges', false);
  const bytes = flagOf(model, 'byte_fallback', false) ? byteTokens(idOf) : undefined;
  const { ranks, made } = mergesOf(model, idOf, prefix.length);

  /** A word's characters as tokens, before any merge. */
  const characters = (word: string): Word => {
    const symbols: Word = { ids: [], starts: [], ends: [] };
    const add = (id: number, start: number, end: number) => {
      symbols.ids.push(id);
      symbols.starts.push(start);
      symbols.ends.push(end);
    };
    let unknown: { id: number; start: number; end: number } | undefined;
    const flush = () => {
      if (unknown) add(unknown.id, unknown.start, unknown.end);
      unknown = undefined;
    };
    for (let start = 0, end = 0; start < word.length; start = end) {
      end = start + (word.codePointAt(start)! > 0xffff ? 2 : 1);
      const character = word.slice(start, end);
      const symbol = `${start > 0 ? prefix : ''}${character}${end === word.length ? suffix : ''}`;
      const id = idOf.get(symbol);
      if (id !== undefined) {
        flush();
        add(id, start, end);
        continue;
      }
      const byByte = bytes ? Array.from(encoder.encode(symbol), (byte) => bytes[byte]!) : [-1];
      if (!byByte.includes(-1)) {
        for (const byte of byByte) add(byte, start, end);
      } else if (unknownToken !== undefined) {
        if (fuses && unknown) unknown.end = end;
        else {
          flush();
          const known = idOf.get(unknownToken);
          if (known === undefined) throw new Error(`its vocabulary lacks the unknown token "${unknownToken}"`);
          unknown = { id: known, start, end };
        }
      }
    }
    flush();
    return symbols;
  };

  const parts = (word: string): Word => {
    const known = whole ? idOf.get(word) : undefined;
    if (known !== undefined) return { ids: [known], starts: [0], ends: [word.length] };
    const { ids, starts, ends } = characters(word);
    const count = ids.length;
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const last = Int32Array.from({ length: count }, (_, i) => i - 1);
    const gone = new Uint8Array(count);
    const queue = new MergeQueue();
    const offer = (at: number) => {
      const right = next[at]!;
      if (at < 0 || right >= count) return;
      const rank = ranks.get(ids[at]!, ids[right]!);
      if (rank >= 0) queue.push(rank, at);
    };
    for (let at = 0; at + 1 < count; at++) offer(at);
    while (queue.pop()) {
      const { rank, place } = queue;
      const right = next[place]!;
      if (gone[place] || right >= count) continue;
      const now = ranks.get(ids[place]!, ids[right]!);
      if (now < 0 || made[now] !== made[rank]) continue;
      ids[place] = made[rank]!;
      ends[place] = ends[right]!;
      gone[right] = 1;
      next[place] = next[right]!;
      if (next[place]! < count) last[next[place]!] = place;
      if (last[place]! >= 0) offer(last[place]!);
      offer(place);
    }
    const stays = (_: number, i: number) => gone[i] === 0;
    return { ids: ids.filter(stays), starts: starts.filter(stays), ends: ends.filter(stays) };
  };
  return { idOf, parts: remembered(parts) };
}

/** The rank of each pair of ids that is merged, and the id that each rank makes. */
function mergesOf(
  model: Fields,
  idOf: ReadonlyMap<string, number>,
  prefix: number,
): { ranks: PairTable; made: Int32Array } {
  const merges = listOf(model, 'merges', Number.MAX_SAFE_INTEGER);
  const ranks = new PairTable(merges.length);
  const made = new Int32Array(merges.length);
  merges.forEach((merge, rank) => {
    const [left, right, more] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    if (typeof left !== 'string' || typeof right !== 'string' || more !== undefined)
      throw new Error(`its merge ${rank} is ${JSON.stringify(merge)?.slice(0, 80)}, which is no pair of tokens`);
    const ids = [left, right, left + right.slice(prefix)].map((token) => {
      const id = idOf.get(token);
      if (id === undefined)
        throw new Error(
          `its merge ${rank} needs the token ${JSON.stringify(token).slice(0, 80)}, which its vocabulary lacks`,
        );
      return id;
    });
    ranks.set(ids[0]!, ids[1]!, rank);
    made[rank] = ids[2]!;
  });
  return { ranks, made };
}
