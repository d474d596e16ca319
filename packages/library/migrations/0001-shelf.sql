-- The shelf: what pages said, what descriptors say, and what search reads.
create extension if not exists vector;

create table imports (
  id bigint generated always as identity primary key,
  source text not null,
  at timestamptz not null,
  imported integer not null,
  unchanged integer not null,
  added jsonb not null,
  changed jsonb not null,
  unreadable jsonb not null
);

-- What a descriptor (the room of a paper) tells. It may come before or after its paper.
create table registrations (
  slug text primary key,
  family text not null,
  title text not null,
  title_key text not null,
  arxiv text,
  authors jsonb not null default '[]',
  date text,
  links jsonb not null default '[]',
  offers text not null,
  built boolean not null,
  remarks jsonb not null default '[]',
  plots jsonb not null default '[]',
  -- SHA-256 of the whole registration: an unchanged one is skipped.
  hash text not null
);
create index registrations_title on registrations (title_key);

create table claims (
  slug text not null references registrations on delete cascade,
  id text not null,
  position integer not null,
  statement text not null,
  measure text not null,
  paper jsonb not null,
  quote text,
  rule jsonb,
  note text,
  -- The claim's entry of the evidence.json that ships with the method.
  shipped jsonb,
  primary key (slug, id)
);

-- A paper as the newest import has it.
create table papers (
  id bigint generated always as identity primary key,
  slug text not null unique,
  -- The descriptor that speaks for it, once there is one; slug is then the descriptor's.
  registration text unique references registrations on delete set null,
  title text not null,
  -- Title folded to letters and digits: what imports and registrations meet on.
  title_key text not null unique,
  abstract text not null,
  date date not null,
  author_count integer not null,
  comments integer not null default 0,
  -- Found in the abstract: [{ label, url, by }].
  links jsonb not null default '[]',
  version integer not null default 1,
  added_by bigint not null references imports,
  -- Search: weights A title and names, B authors and identifiers, C claims, D abstract; all folded.
  document tsvector not null default ''::tsvector,
  -- Distinct folded words, for misspellings.
  words text[] not null default '{}'
);
create index papers_date on papers (date desc, slug);
create index papers_document on papers using gin (document);

create table versions (
  paper bigint not null references papers on delete cascade,
  version integer not null,
  title text not null,
  abstract text not null,
  date date not null,
  author_count integer not null,
  comments integer not null,
  import bigint not null references imports,
  primary key (paper, version)
);

-- Addresses that a paper had before.
create table former_slugs (
  slug text primary key,
  paper bigint not null references papers on delete cascade
);

-- What a reader may call a paper: kind 'name', 'title', 'arxiv' or 'author', folded to letters and digits.
create table names (
  name text not null,
  kind text not null,
  paper bigint not null references papers on delete cascade,
  primary key (name, kind, paper)
);
create index names_paper on names (paper);

-- Every folded word of the shelf and the papers that have it.
create table words (
  word text primary key,
  papers integer not null
);

-- Passage 0 is the whole paper, the others its sentences. `text` is what was embedded; a row whose text is no longer in the paper goes.
create table embeddings (
  paper bigint not null references papers on delete cascade,
  passage integer not null,
  text text not null,
  model text not null,
  vector vector(384) not null,
  primary key (paper, passage)
);
