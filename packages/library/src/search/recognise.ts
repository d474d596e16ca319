const places = [
  /(?:^|\/\/)(?:[\w.-]+\.)?arxiv\.org\/(?:abs|pdf|html|ps|format)\/(.+)/i,
  /(?:^|\/\/)(?:www\.)?(?:huggingface|hf)\.co\/papers\/(.+)/i,
  /(?:^|\/\/)(?:www\.)?alphaxiv\.org\/(?:abs|pdf|overview|resources)\/(.+)/i,
  /(?:^|doi\.org\/|doi:\s*)10\.48550\/arxiv\.(.+)/i,
  /^arxiv:\s*(.+)/i,
];
const bareId = /^(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?\/\d{7})(?:v\d+)?(?:\.pdf)?$/;

/** The arXiv id that a query is: bare, "arXiv:...", a DOI of arXiv, or a link of arXiv, Hugging Face or alphaXiv. */
export function recognise(query: string): { kind: 'arxiv'; id: string } | undefined {
  const text = query.trim();
  for (const place of places) {
    const found = place.exec(text)?.[1];
    const id = found && bareId.exec(found.replace(/[?#].*$/, '').replace(/\/$/, ''))?.[1];
    if (id) return { kind: 'arxiv', id };
  }
  const id = bareId.exec(text)?.[1];
  return id ? { kind: 'arxiv', id } : undefined;
}
