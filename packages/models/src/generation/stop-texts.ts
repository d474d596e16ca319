/** Finds the first of several texts in a stream, holding back what might still become one. */
export interface StopFilter {
  /** Text that is certain to stand before any stop text, and whether one has been found. */
  push(text: string): { text: string; stopped: boolean };
  /** What was held back when the stream ended without a stop text. */
  end(): string;
}

/** An empty list never stops; empty texts are refused. */
export function stopFilter(stops: readonly string[]): StopFilter {
  if (stops.some((stop) => stop === ''))
    throw new Error('A stop text must have at least one character; got an empty one.');
  let held = '';
  return {
    push(text) {
      held += text;
      let first = -1;
      for (const stop of stops) {
        const place = held.indexOf(stop);
        if (place >= 0 && (first < 0 || place < first)) first = place;
      }
      if (first >= 0) {
        const before = held.slice(0, first);
        held = '';
        return { text: before, stopped: true };
      }
      const keep = longestBeginning(held, stops);
      const certain = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: certain, stopped: false };
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/** Length of the longest end of `text` that begins one of `stops`. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
