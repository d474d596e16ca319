import type { TokenVocabulary } from '../types.ts';

/**
 * The tokens of a vocabulary by their bytes, in the order of a walk that goes down first: node n has byte `bytes[n]` at depth
 * `depths[n]`, everything below it lies before `ends[n]`, and `tokens[n]` are those that end there.
 */
export interface VocabularyTrie {
  bytes: Uint8Array;
  depths: Uint16Array;
  ends: Int32Array;
  tokens: (readonly number[] | undefined)[];
  /** Bytes of the longest token. */
  longest: number;
}

const known = new WeakMap<TokenVocabulary, VocabularyTrie>();

export function trieOf(vocabulary: TokenVocabulary): VocabularyTrie {
  let trie = known.get(vocabulary);
  if (!trie) {
    trie = build(vocabulary);
    known.set(vocabulary, trie);
  }
  return trie;
}

interface Node {
  below: Map<number, Node>;
  tokens?: number[];
}

function build(vocabulary: TokenVocabulary): VocabularyTrie {
  const root: Node = { below: new Map() };
  let count = 0;
  let longest = 0;
  for (let id = 0; id < vocabulary.size; id++) {
    const bytes = vocabulary.bytesOf(id);
    if (!bytes || bytes.length === 0 || bytes.length > 65535) continue;
    longest = Math.max(longest, bytes.length);
    let node = root;
    for (const byte of bytes) {
      let below = node.below.get(byte);
      if (!below) {
        below = { below: new Map() };
        node.below.set(byte, below);
        count++;
      }
      node = below;
    }
    node.tokens ??= [];
    node.tokens.push(id);
  }
  const trie: VocabularyTrie = {
    bytes: new Uint8Array(count),
    depths: new Uint16Array(count),
    ends: new Int32Array(count),
    tokens: new Array(count),
    longest,
  };
  let place = 0;
  const lay = (node: Node, depth: number): void => {
    for (const [byte, below] of [...node.below].sort(([one], [other]) => one - other)) {
      const at = place++;
      trie.bytes[at] = byte;
      trie.depths[at] = depth;
      trie.tokens[at] = below.tokens;
      lay(below, depth + 1);
      trie.ends[at] = place;
    }
  };
  lay(root, 0);
  return trie;
}
