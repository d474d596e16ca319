/** The one path on which text of people and of models becomes HTML: no raw HTML, images become links, sanitised, mathematics last. */
import katex from 'katex';
import rehypeKatex from 'rehype-katex';
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkMath from 'remark-math';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';

const mathematics = {
  trust: false,
  maxSize: 10,
  maxExpand: 200,
  throwOnError: false,
  output: 'htmlAndMathml' as const,
};

interface Node {
  type: string;
  url?: string;
  alt?: string | null;
  children?: Node[];
  value?: string;
}

/** A picture somewhere else would tell its server who reads; a link tells nobody. */
function imagesToLinks() {
  const visit = (node: Node): void => {
    if (node.type === 'image') {
      node.type = 'link';
      node.children = [{ type: 'text', value: node.alt || node.url || 'picture' }];
    }
    for (const child of node.children ?? []) visit(child);
  };
  return (tree: unknown) => visit(tree as Node);
}

const markdown = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkMath)
  .use(imagesToLinks)
  .use(remarkRehype)
  .use(rehypeSanitize, {
    ...defaultSchema,
    attributes: { ...defaultSchema.attributes, code: [['className', /^language-./, 'math-inline', 'math-display']] },
  })
  .use(rehypeKatex, mathematics)
  .use(rehypeStringify);

export async function renderMarkdown(text: string): Promise<string> {
  return String(await markdown.process(text.slice(0, 100_000)));
}

export const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export interface Quote {
  /** The claim's id: the link leads to `#id`. */
  id: string;
  quote: string;
}

/** A stretch of an abstract as safe HTML; with `claim` it is the sentence that makes that claim. */
export interface AbstractPiece {
  html: string;
  claim?: string;
}

/**
 * An abstract in the author's words, paragraph by paragraph: `$...$` as mathematics, addresses as links, and each quote that is
 * found as a piece of its own. Quotes that overlap an earlier one are left out.
 */
export function abstractPieces(text: string, quotes: readonly Quote[]): AbstractPiece[][] {
  return text.split(/\n{2,}/).map((paragraph) => {
    const found = quotes
      .map((entry) => ({ ...entry, start: paragraph.indexOf(entry.quote) }))
      .filter(({ start, quote }) => start >= 0 && quote.length > 0)
      .sort((a, b) => a.start - b.start);
    const shown: AbstractPiece[] = [];
    let at = 0;
    for (const { id, quote, start } of found) {
      if (start < at) continue;
      if (start > at) shown.push({ html: inline(paragraph.slice(at, start), true) });
      shown.push({ html: inline(quote, false), claim: id });
      at = start + quote.length;
    }
    if (at < paragraph.length) shown.push({ html: inline(paragraph.slice(at), true) });
    return shown;
  });
}

const pieces = /\$([^$\n]{1,500})\$|(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:])/g;

function inline(text: string, links: boolean): string {
  let html = '';
  let at = 0;
  for (const match of text.matchAll(pieces)) {
    html += escapeHtml(text.slice(at, match.index));
    if (match[1] !== undefined) html += katex.renderToString(match[1], mathematics);
    else if (links) html += `<a href="${escapeHtml(match[2]!)}" rel="noopener nofollow">${escapeHtml(match[2]!)}</a>`;
    else html += escapeHtml(match[2]!);
    at = match.index + match[0].length;
  }
  return html + escapeHtml(text.slice(at));
}
