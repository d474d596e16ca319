/** Addresses of arXiv with the host swapped: they lead to the paper here. */
import { redirect } from '@sveltejs/kit';
import { type Library, paperByArxiv, recognise } from '@working-papers/library';

/** Redirects to the paper of an arXiv id (old or new, with or without version and ".pdf"), else to the search, which says what is missing. */
export async function openByArxiv(library: Library, asked: string): Promise<never> {
  const arxiv = recognise(asked.slice(0, 60));
  const paper = arxiv && (await paperByArxiv(library, arxiv.id));
  redirect(307, paper ? `/papers/${paper.slug}` : `/search?q=${encodeURIComponent(arxiv?.id ?? asked.slice(0, 60))}`);
}
