import type { ConstraintState, TokenConstraint } from '../types.ts';

interface Node {
  below: Map<number, Node>;
  complete: boolean;
}

/** One of the given sequences of tokens, exactly (a trie). */
export function tokenSequencesConstraint(sequences: readonly (readonly number[])[]): TokenConstraint {
  if (sequences.length === 0 || sequences.some((ids) => ids.length === 0)) {
    throw new Error('At least one sequence of at least one token is needed.');
  }
  const root: Node = { below: new Map(), complete: false };
  for (const ids of sequences) {
    let node = root;
    for (const id of ids) {
      const below = node.below.get(id) ?? { below: new Map(), complete: false };
      node.below.set(id, below);
      node = below;
    }
    node.complete = true;
  }
  return {
    begin({ size }) {
      const odd = sequences.flat().find((id) => !Number.isInteger(id) || id < 0 || id >= size);
      if (odd !== undefined) throw new Error(`${odd} is not a token id; the model has ${size} tokens.`);
      const stateAt = (node: Node): ConstraintState => ({
        get allowed() {
          const bits = new Uint32Array(Math.ceil(size / 32));
          for (const id of node.below.keys()) bits[id >> 5]! |= 1 << (id & 31);
          return bits;
        },
        open: node.below.size > 0,
        complete: node.complete,
        after(id) {
          const below = node.below.get(id);
          if (!below) throw new Error(`Token ${id} may not come here: the constraint does not allow it.`);
          return stateAt(below);
        },
      });
      return stateAt(root);
    },
  };
}
