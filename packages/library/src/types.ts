/** What the library gives and takes: plain data, so that pages, commands and runs can be written against it alone. */

export type Verdict = 'holds' | 'partly' | 'does not hold here' | 'not tested';

/** A link of a paper. `by` says whose it is; links found in an abstract are the authors'. */
export interface PaperLink {
  label: string;
  url: string;
  by: 'authors' | 'others';
}

/** What a paper (or whoever `source` names) says of a claim. */
export interface ClaimValue {
  value: string;
  unit?: string;
  baseline?: string;
  setting?: string;
  source: string;
  where?: string;
  unverified?: true;
}

/** How values become a verdict (the methods' contract explains the expressions). */
export interface ClaimRule {
  stage: string;
  values: Record<string, string>;
  holds: string;
  partly?: string;
}

/** An entry of evidence: the verdict and whatever led to it. */
export type ClaimEvidence = { verdict: Verdict } & Record<string, unknown>;

/** One claim of a registered paper, as its descriptor states it. */
export interface ClaimRegistration {
  id: string;
  statement: string;
  measure: string;
  paper: ClaimValue;
  quote?: string;
  rule?: ClaimRule;
  note?: string;
  /** The claim's entry of the evidence that ships with the method; its `verdict` fills the strip. */
  evidence?: { verdict: Verdict };
}

/** What a descriptor tells the library; the library knows nothing of methods themselves. */
export interface PaperRegistration {
  slug: string;
  family: string;
  /** Exactly as the page has it: paper and registration meet on the title folded to letters and digits. */
  title: string;
  arxiv?: string;
  authors: readonly string[];
  date?: string;
  links?: readonly PaperLink[];
  offers: string;
  /** The method can be run here. */
  built: boolean;
  claims: readonly ClaimRegistration[];
  remarks?: readonly string[];
  /** File names of shipped plots, the first one leads. */
  plots?: readonly string[];
}

/** One mark of a paper's strip. */
export interface ClaimMark {
  id: string;
  statement: string;
  verdict: Verdict;
}

/** A paper as a row of a list. */
export interface PaperSummary {
  slug: string;
  title: string;
  /** ISO date, YYYY-MM-DD. */
  date: string;
  /** Names as far as known; `authorCount` is what the page said. */
  authors: string[];
  authorCount: number;
  comments: number;
  family?: string;
  arxiv?: string;
  /** What a user gets, one sentence; absent without a descriptor. */
  offers?: string;
  /** The method runs here. */
  built: boolean;
  /** First sentence of the abstract. */
  opening: string;
  /** The strip, in the paper's order. */
  claims: ClaimMark[];
  /** Runs that ended well on this instance. */
  runs: number;
  plots: string[];
}

export interface PaperClaim extends ClaimMark {
  position: number;
  measure: string;
  paper: ClaimValue;
  quote?: string;
  rule?: ClaimRule;
  note?: string;
  /** What ships with the method, and what this instance recorded; `verdict` is of the recorded one if there is one. */
  shipped?: ClaimEvidence;
  recorded?: ClaimEvidence;
}

export interface PaperVersion {
  version: number;
  title: string;
  abstract: string;
  date: string;
  authorCount: number;
  comments: number;
  /** ISO time of the import that first had it. */
  seenAt: string;
}

export interface PaperDetail extends Omit<PaperSummary, 'claims'> {
  abstract: string;
  links: PaperLink[];
  claims: PaperClaim[];
  remarks: string[];
  /** Newest first; the first is what the shelf shows. */
  versions: PaperVersion[];
}

export interface ImportReport {
  /** Papers read from the page. */
  imported: number;
  added: { slug: string; title: string }[];
  changed: { slug: string; title: string; fields: string[] }[];
  unchanged: number;
  /** Stretches that are no paper: first line (from 1), its beginning, and why. */
  unreadable: { line: number; text: string; reason: string }[];
}

export type ListView = 'latest' | 'day' | 'week' | 'month';

export interface ListOptions {
  view: ListView;
  /** YYYY-MM-DD (any day of the week or month), or YYYY-MM for a month; default: the newest day with a paper. */
  date?: string;
  family?: string;
  /** Only papers whose method runs here. */
  runsHere?: boolean;
  /** Only papers with comments. */
  commented?: boolean;
  /** `latest` only: what an earlier answer gave as `next` or `previous`. */
  cursor?: string;
  /** `latest` only: papers at most, 1 to 100; default 50. Days, weeks and months come whole (500 papers at most). */
  limit?: number;
}

export interface PaperList {
  view: ListView;
  /** First and last day of the view (inclusive); absent for `latest`. */
  from?: string;
  to?: string;
  /** Newest day first. */
  groups: { date: string; papers: PaperSummary[] }[];
  /** `latest`: cursors. Otherwise the nearest earlier (`previous`) and later (`next`) date that has a paper. */
  previous?: string;
  next?: string;
  /** Papers in the whole view under these filters, not only on this page of it. */
  total: number;
}

/** Gives a unit vector of 384 numbers, or undefined when there is none to be had (now). */
export type Encode = (text: string) => Promise<Float32Array | undefined>;

export interface SearchOptions {
  family?: string;
  /** Dates, inclusive, YYYY-MM-DD. */
  from?: string;
  to?: string;
  runsHere?: boolean;
  /** 1 to 100; default 20. */
  limit?: number;
  offset?: number;
  encoder?: Encode;
  /** Wait this long for the encoder, then answer by keyword; absent: as long as the encoder takes. As-you-type uses 100. */
  waitMs?: number;
}

export interface SearchResult {
  slug: string;
  title: string;
  /** Higher is better; comparable within one answer only. */
  score: number;
  /** The sentence that matched, plain text with matched words between [[ and ]]. */
  snippet: string;
  date: string;
  family?: string;
  /** Why it is first of all: the query is this paper's name, arXiv id, title or author. */
  exact?: 'name' | 'arxiv' | 'title' | 'author';
}

export interface SearchAnswer {
  results: SearchResult[];
  mode: 'fused' | 'keyword';
  /** Why it goes by keyword only, a sentence. */
  reason?: string;
  /** Nothing matched: these are only the nearest. */
  near?: boolean;
  total: number;
  /** The query is this arXiv id (also as a link); without results, a page could offer to import it. */
  arxiv?: string;
  /** Misspelt words that were read as others. */
  corrected?: { from: string; to: string }[];
  /** The query was cut to 400 characters or 32 terms. */
  truncated?: boolean;
}

export interface EncoderStatus {
  state: 'starting' | 'downloading' | 'ready' | 'unavailable';
  message: string;
  /** 0 to 1, while downloading or filling the shelf's embeddings. */
  progress?: number;
  /** Papers with and without embeddings. */
  papers?: { embedded: number; total: number };
}

export interface EncoderClient {
  /**
   * Unit vectors [texts.length][384], at most 256 texts. Rejects with a sentence when there is no encoder, when it takes longer
   * than `timeoutMs`, and, unless `wait`, while its model is downloaded.
   */
  embed(texts: readonly string[], options?: { timeoutMs?: number; wait?: boolean }): Promise<Float32Array[]>;
  status(): Promise<EncoderStatus>;
  close(): void;
}

export interface LibraryStatus {
  database: 'embedded' | 'server';
  papers: number;
  embedded: number;
  /** Without pg_trgm misspellings are found by comparing against every word of the shelf, in one slower pass. */
  trigram: boolean;
  messages: string[];
}
