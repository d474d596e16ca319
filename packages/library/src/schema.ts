/** The tables as Drizzle sees them. The SQL in migrations/ is the truth; a test compares the two. */
import {
  bigint,
  boolean,
  customType,
  date,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  vector,
} from 'drizzle-orm/pg-core';
import type { ClaimEvidence, ClaimRule, ClaimValue, ImportReport, PaperLink, Verdict } from './types.ts';

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });
const identity = () => bigint({ mode: 'number' }).generatedAlwaysAsIdentity();
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const imports = pgTable('imports', {
  id: identity().primaryKey(),
  source: text().notNull(),
  at: time('at').notNull(),
  imported: integer().notNull(),
  unchanged: integer().notNull(),
  added: jsonb().$type<ImportReport['added']>().notNull(),
  changed: jsonb().$type<ImportReport['changed']>().notNull(),
  unreadable: jsonb().$type<ImportReport['unreadable']>().notNull(),
});

export const registrations = pgTable('registrations', {
  slug: text().primaryKey(),
  family: text().notNull(),
  title: text().notNull(),
  titleKey: text('title_key').notNull(),
  arxiv: text(),
  authors: jsonb().$type<string[]>().notNull(),
  date: text(),
  links: jsonb().$type<PaperLink[]>().notNull(),
  offers: text().notNull(),
  built: boolean().notNull(),
  remarks: jsonb().$type<string[]>().notNull(),
  plots: jsonb().$type<string[]>().notNull(),
  hash: text().notNull(),
});

export const claims = pgTable(
  'claims',
  {
    slug: text().notNull(),
    id: text().notNull(),
    position: integer().notNull(),
    statement: text().notNull(),
    measure: text().notNull(),
    paper: jsonb().$type<ClaimValue>().notNull(),
    quote: text(),
    rule: jsonb().$type<ClaimRule>(),
    note: text(),
    shipped: jsonb().$type<ClaimEvidence>(),
  },
  (table) => [primaryKey({ columns: [table.slug, table.id] })],
);

export const papers = pgTable('papers', {
  id: identity().primaryKey(),
  slug: text().notNull(),
  registration: text(),
  title: text().notNull(),
  titleKey: text('title_key').notNull(),
  abstract: text().notNull(),
  date: date({ mode: 'string' }).notNull(),
  authorCount: integer('author_count').notNull(),
  comments: integer().notNull(),
  links: jsonb().$type<PaperLink[]>().notNull(),
  version: integer().notNull(),
  addedBy: bigint('added_by', { mode: 'number' }).notNull(),
  document: tsvector().notNull().default(''),
  words: text().array().notNull().default([]),
});

export const versions = pgTable(
  'versions',
  {
    paper: bigint({ mode: 'number' }).notNull(),
    version: integer().notNull(),
    title: text().notNull(),
    abstract: text().notNull(),
    date: date({ mode: 'string' }).notNull(),
    authorCount: integer('author_count').notNull(),
    comments: integer().notNull(),
    import: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.paper, table.version] })],
);

export const formerSlugs = pgTable('former_slugs', {
  slug: text().primaryKey(),
  paper: bigint({ mode: 'number' }).notNull(),
});

export const names = pgTable(
  'names',
  {
    name: text().notNull(),
    kind: text().$type<'name' | 'title' | 'arxiv' | 'author'>().notNull(),
    paper: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.name, table.kind, table.paper] })],
);

export const words = pgTable('words', { word: text().primaryKey(), papers: integer().notNull() });

export const embeddings = pgTable(
  'embeddings',
  {
    paper: bigint({ mode: 'number' }).notNull(),
    passage: integer().notNull(),
    text: text().notNull(),
    model: text().notNull(),
    vector: vector({ dimensions: 384 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.paper, table.passage] })],
);

export const runs = pgTable('runs', {
  id: text().primaryKey(),
  slug: text().notNull(),
  action: text(),
  parameters: jsonb().$type<Record<string, unknown>>().notNull(),
  status: text().$type<'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'lost'>().notNull(),
  message: text(),
  seed: bigint({ mode: 'number' }).notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  startedAt: time('started_at'),
  endedAt: time('ended_at'),
  seenAt: time('seen_at'),
  worker: text(),
  cancelRequested: boolean('cancel_requested').notNull().default(false),
  experiment: boolean().notNull().default(false),
  record: boolean().notNull().default(false),
  stage: text(),
  limits: jsonb().$type<Record<string, unknown>>().notNull(),
  manifest: jsonb().$type<Record<string, unknown>>(),
  repeats: text(),
});

export const events = pgTable(
  'events',
  {
    run: text().notNull(),
    seq: integer().notNull(),
    at: time('at').notNull().defaultNow(),
    body: jsonb().$type<Record<string, unknown>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.run, table.seq] })],
);

export const evidence = pgTable('evidence', {
  id: identity().primaryKey(),
  slug: text().notNull(),
  claim: text().notNull(),
  run: text(),
  stage: text(),
  verdict: text().$type<Verdict>().notNull(),
  values: jsonb().$type<Record<string, unknown>>().notNull(),
  setting: text(),
  command: text(),
  models: jsonb().$type<unknown[]>().notNull(),
  seeds: jsonb().$type<number[]>().notNull(),
  machine: text(),
  versions: jsonb().$type<Record<string, string>>().notNull(),
  note: text(),
  at: time('at').notNull().defaultNow(),
});

export const artifacts = pgTable(
  'artifacts',
  {
    run: text().notNull(),
    name: text().notNull(),
    mediaType: text('media_type').notNull(),
    bytes: bigint({ mode: 'number' }).notNull(),
    sha256: text().notNull(),
    path: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.run, table.name] })],
);

export const workers = pgTable('workers', {
  id: text().primaryKey(),
  machine: text(),
  process: integer(),
  concurrency: integer(),
  startedAt: time('started_at').notNull().defaultNow(),
  seenAt: time('seen_at').notNull().defaultNow(),
});
