import type { PaperLink } from '../types.ts';

const labels: [host: RegExp, label: string][] = [
  [/(^|\.)(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)$/, 'Code'],
  [/(^|\.)arxiv\.org$/, 'arXiv'],
  [/(^|\.)doi\.org$/, 'DOI'],
  [/(^|\.)(youtube\.com|youtu\.be|vimeo\.com)$/, 'Video'],
];

function labelOf(url: URL): string {
  if (/(^|\.)huggingface\.co$/.test(url.hostname)) {
    if (url.pathname.startsWith('/datasets/')) return 'Data set';
    return url.pathname.startsWith('/spaces/') ? 'Demo' : 'Model';
  }
  return labels.find(([host]) => host.test(url.hostname))?.[1] ?? 'Project page';
}

/** The web addresses in a text, each once, in order, without the punctuation that follows them. */
export function findLinks(text: string): PaperLink[] {
  const links = new Map<string, PaperLink>();
  for (const [found] of text.matchAll(/https?:\/\/[^\s<>"'{}|\\^`]+/g)) {
    let address = withoutEnd(found, punctuation);
    // A bracket belongs to the address only when it was opened there.
    while (/[)\]]$/.test(address) && !/[([]/.test(address)) address = withoutEnd(address.slice(0, -1), punctuation);
    if (!URL.canParse(address) || links.has(address)) continue;
    links.set(address, { label: labelOf(new URL(address)), url: address, by: 'authors' });
  }
  return [...links.values()];
}

const punctuation = '.,;:!?*';

/** `text` without the characters of `set` at its end. A regular expression would look from every place on. */
function withoutEnd(text: string, set: string): string {
  let end = text.length;
  while (end > 0 && set.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
