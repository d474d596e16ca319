import type { Library } from '../database/open.ts';
import { passagesOf } from './passages.ts';

/** Gives unit vectors of 384 numbers. */
export type Embed = (texts: readonly string[]) => Promise<Float32Array[]>;

/** Texts in one call: few, so that a reader's query does not wait long behind them. */
const batch = 4;

interface Waiting {
  id: number;
  title: string;
  abstract: string;
  version: number;
  /** The whole paper has its embedding, the sentences have not. */
  begun: boolean;
}

export interface FillOptions {
  /** Name and hash of the model: embeddings of another one are made anew. */
  model: string;
  signal?: AbortSignal;
  onProgress?(papers: { embedded: number; total: number }): void;
}

/**
 * Embeds the papers that have no embedding yet: first every paper as a whole, so that search by meaning works soon, then their
 * sentences. Gives the number of papers that got something.
 */
export async function fillEmbeddings(library: Library, embed: Embed, options: FillOptions): Promise<number> {
  const { pool } = library;
  await pool.query('delete from embeddings where model <> $1', [options.model]);
  let filled = 0;
  for (const stage of ['whole', 'sentences'] as const) {
    for (;;) {
      const waiting = await findWaiting(library, stage);
      if (waiting.length === 0) break;
      for (const paper of waiting) {
        if (options.signal?.aborted) return filled;
        const texts = passagesOf(paper);
        const [from, to] = stage === 'whole' ? [0, 1] : [1, texts.length];
        const vectors: Float32Array[] = [];
        for (let i = from; i < to; i += batch) vectors.push(...(await embed(texts.slice(i, Math.min(to, i + batch)))));
        await store(library, paper, texts.slice(from, to), from, vectors, options.model);
        filled++;
        if (stage === 'whole') options.onProgress?.(await countPapers(library));
      }
    }
  }
  // The embedded database gathers no statistics by itself, and plans badly without.
  if (filled > 0) await pool.query('analyze embeddings');
  options.onProgress?.(await countPapers(library));
  return filled;
}

async function findWaiting(library: Library, stage: 'whole' | 'sentences'): Promise<Waiting[]> {
  const { rows } = await library.pool.query<Waiting>(
    stage === 'whole'
      ? `select id::int as id, title, abstract, version from papers p
          where not exists (select 1 from embeddings e where e.paper = p.id and e.passage = 0) order by date desc limit 32`
      : `select id::int as id, title, abstract, version from papers p
          where not exists (select 1 from embeddings e where e.paper = p.id and e.passage <> 0) order by date desc limit 32`,
  );
  return rows;
}

/** Writes them unless the paper has changed meanwhile. */
async function store(
  library: Library,
  paper: Waiting,
  texts: string[],
  from: number,
  vectors: Float32Array[],
  model: string,
): Promise<void> {
  // A paper without sentences of its own gets a mark, so that it does not wait for ever.
  const rows =
    texts.length > 0
      ? texts.map((text, i) => ({ passage: from + i, text, vector: `[${Array.from(vectors[i]!).join(',')}]` }))
      : [];
  if (rows.length === 0) {
    await library.pool.query(
      `insert into embeddings (paper, passage, text, model, vector)
       select paper, -1, text, model, vector from embeddings where paper = $1 and passage = 0 on conflict do nothing`,
      [paper.id],
    );
    return;
  }
  await library.pool.query(
    `insert into embeddings (paper, passage, text, model, vector)
     select p.id, e.passage, e.text, $3, e.vector::vector
       from papers p, jsonb_to_recordset($4) as e(passage integer, text text, vector text)
      where p.id = $1 and p.version = $2 on conflict do nothing`,
    [paper.id, paper.version, model, JSON.stringify(rows)],
  );
}

export async function countPapers(library: Library): Promise<{ embedded: number; total: number }> {
  const { rows } = await library.pool.query<{ embedded: number; total: number }>(
    `select (select count(*)::int from embeddings where passage = 0) as embedded, count(*)::int as total from papers`,
  );
  return rows[0]!;
}
