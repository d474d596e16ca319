import { PairTable } from './pair-table.ts';

/** Texts with numbers, found by what a longer text begins with. Steps are UTF-16 units. */
export class Trie {
  private readonly children = new PairTable();
  private readonly leaves: number[] = [-1];

  /** The last number wins when a text comes twice. */
  add(text: string, value: number): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      let next = this.children.get(node, unit);
      if (next < 0) {
        next = this.leaves.push(-1) - 1;
        this.children.set(node, unit, next);
      }
      node = next;
    }
    this.leaves[node] = value;
  }

  /** The node one unit further, or -1. The root is 0. */
  step(node: number, unit: number): number {
    return this.children.get(node, unit);
  }

  /** The node that a text leads to, or -1. */
  walk(text: string): number {
    let node = 0;
    for (let i = 0; i < text.length && node >= 0; i++) node = this.step(node, text.charCodeAt(i));
    return node;
  }

  /** The number of the text that ends at a node, or -1. */
  valueAt(node: number): number {
    return this.leaves[node]!;
  }

  /** The longest text that begins at `start`, stepping on from `node`: where it ends and its number; undefined when none. */
  longest(text: string, start: number, node = 0): { end: number; value: number } | undefined {
    let found: { end: number; value: number } | undefined;
    let at = node;
    for (let i = start; i < text.length; i++) {
      at = this.step(at, text.charCodeAt(i));
      if (at < 0) break;
      const value = this.valueAt(at);
      if (value >= 0) found = { end: i + 1, value };
    }
    return found;
  }
}
