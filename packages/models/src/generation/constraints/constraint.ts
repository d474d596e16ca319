import type { ConstraintState, TokenConstraint, TokenVocabulary } from '../types.ts';
import type { Grammar, Place } from './grammar.ts';
import { trieOf, type VocabularyTrie } from './vocabulary-trie.ts';

interface Mask {
  allowed: Uint32Array;
  open: boolean;
}

/**
 * The tokens that a grammar over bytes lets through. A place's mask is found by one walk over the trie of the vocabulary and
 * kept for all sequences, so keep the constraint for as long as its like is asked for.
 */
export function grammarConstraint(grammar: Grammar): TokenConstraint {
  const masks = new WeakMap<TokenVocabulary, WeakMap<Place, Mask>>();
  return {
    begin(vocabulary) {
      const trie = trieOf(vocabulary);
      const words = Math.ceil(vocabulary.size / 32);
      const known = masks.get(vocabulary) ?? new WeakMap<Place, Mask>();
      masks.set(vocabulary, known);
      const maskOf = (place: Place): Mask => {
        const alike = grammar.alike(place, trie.longest);
        let mask = known.get(alike);
        if (!mask) {
          mask = walk(grammar, trie, alike, words);
          known.set(alike, mask);
        }
        if (!mask.open && !place.complete) {
          throw new Error('The vocabulary has no token that can follow what the constraint asks for.');
        }
        return mask;
      };
      const stateAt = (place: Place): ConstraintState => ({
        get allowed() {
          return maskOf(place).allowed;
        },
        get open() {
          return maskOf(place).open;
        },
        complete: place.complete,
        after(id) {
          let at: Place | null = place;
          const bytes = vocabulary.bytesOf(id);
          for (const byte of bytes ?? []) at = at && grammar.after(at, byte);
          if (!bytes || !at) throw new Error(`Token ${id} may not come here: the constraint does not allow it.`);
          return stateAt(at);
        },
      });
      return stateAt(grammar.start);
    },
  };
}

/** The tokens that can be said from a place. */
function walk(grammar: Grammar, trie: VocabularyTrie, from: Place, words: number): Mask {
  const allowed = new Uint32Array(words);
  const path: Place[] = [from];
  let open = false;
  const { bytes, depths, ends, tokens } = trie;
  for (let node = 0; node < bytes.length; ) {
    const depth = depths[node]!;
    const byte = bytes[node]!;
    const at = path[depth]!;
    const known = at.next[byte];
    const next = known === undefined ? grammar.after(at, byte) : known;
    if (next === null) {
      node = ends[node]!;
      continue;
    }
    path[depth + 1] = next;
    for (const id of tokens[node] ?? []) {
      allowed[id >> 5]! |= 1 << (id & 31);
      open = true;
    }
    node++;
  }
  return { allowed, open };
}
