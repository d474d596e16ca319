-- Runs, what they said and what they left. One writer per run writes its events.
create table runs (
  id text primary key,
  slug text not null,
  action text,
  parameters jsonb not null default '{}',
  status text not null default 'queued'
    check (status in ('queued', 'running', 'done', 'failed', 'cancelled', 'lost')),
  message text,
  seed bigint not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  seen_at timestamptz,
  worker text,
  cancel_requested boolean not null default false,
  experiment boolean not null default false,
  record boolean not null default false,
  stage text,
  limits jsonb not null default '{}',
  manifest jsonb,
  -- The run that this one repeats.
  repeats text
);
create index runs_newest on runs (created_at desc, id);
create index runs_slug on runs (slug, created_at desc);
create index runs_unfinished on runs (status) where status in ('queued', 'running');

create table events (
  run text not null references runs on delete cascade,
  seq integer not null,
  at timestamptz not null default now(),
  body jsonb not null,
  primary key (run, seq)
);

-- What recorded experiments of this instance found.
create table evidence (
  id bigint generated always as identity primary key,
  slug text not null,
  claim text not null,
  run text references runs on delete set null,
  stage text,
  verdict text not null check (verdict in ('holds', 'partly', 'does not hold here', 'not tested')),
  "values" jsonb not null default '{}',
  setting text,
  command text,
  models jsonb not null default '[]',
  seeds jsonb not null default '[]',
  machine text,
  versions jsonb not null default '{}',
  note text,
  at timestamptz not null default now()
);
create index evidence_claim on evidence (slug, claim, at desc);

create table artifacts (
  run text not null references runs on delete cascade,
  name text not null,
  media_type text not null,
  bytes bigint not null,
  sha256 text not null,
  path text not null,
  primary key (run, name)
);

create table workers (
  id text primary key,
  machine text,
  process integer,
  concurrency integer,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
