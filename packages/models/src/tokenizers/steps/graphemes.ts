const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ordinary = 1_024;

/**
 * The grapheme clusters of a text. The segmenter takes time for the whole text at every cluster, so it sees a stretch at a time: the
 * last cluster of each may go on and begins the next.
 */
export function* graphemes(text: string): Generator<string> {
  let length = ordinary;
  for (let start = 0; start < text.length; ) {
    const end = Math.min(start + length, text.length);
    const clusters = Array.from(segmenter.segment(text.slice(start, end)), ({ segment }) => segment);
    if (end < text.length && clusters.length === 1) {
      length *= 2;
      continue;
    }
    if (end < text.length) clusters.pop();
    length = ordinary;
    for (const cluster of clusters) {
      start += cluster.length;
      yield cluster;
    }
  }
}
