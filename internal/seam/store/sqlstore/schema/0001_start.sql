-- Instants are microseconds UTC, money is micro-dollars, seq is the order in which rows were made.
-- record holds as JSON what is never searched. An empty text means "none"; null means "not yet".

create table models (
	seq      integer primary key,
	name     text    not null unique,
	revision integer not null check (revision >= 1), -- the newest
	paused   integer not null default 0 check (paused in (0, 1))
) strict;

create table revisions (
	model    text    not null,
	revision integer not null check (revision >= 1),
	digest   text    not null,
	dir      text    not null,
	applied  integer not null,
	record   text    not null, -- rondo.Spec
	primary key (model, revision)
) strict, without rowid;

create table cycles (
	seq      integer primary key,
	id       text    not null unique,
	model    text    not null,
	cause    text    not null,
	revision integer not null,
	started  integer not null,
	ended    integer,
	outcome  text    not null default '',
	version  text    not null default '',
	check ((ended is null) = (outcome = ''))
) strict;
create unique index cycles_open on cycles (model) where ended is null;
create index cycles_model on cycles (model, seq);

create table steps (
	seq         integer primary key,
	id          text    not null unique,
	model       text    not null,
	cycle       text    not null,
	kind        text    not null,
	name        text    not null,
	state       text    not null check (state in ('open', 'leased', 'done', 'failed', 'parked')),
	due         integer not null,
	attempt     integer not null default 0 check (attempt >= 0),
	worker      text    not null default '',
	lease_until integer,
	failures    integer not null default 0 check (failures >= 0),
	error       text    not null default '',
	input       blob,
	output      blob,
	made        integer not null,
	ended       integer,
	unique (model, cycle, kind, name),
	check ((state = 'leased') = (lease_until is not null)),
	check ((state in ('open', 'leased')) = (ended is null))
) strict;
create index steps_open on steps (due, seq) where state = 'open';
create index steps_kind on steps (model, kind) where state = 'open';
create index steps_leased on steps (lease_until) where state = 'leased';
create index steps_unfinished on steps (model, seq) where ended is null;
create index steps_cycle on steps (cycle, seq) where cycle <> '';

create table datasets (
	seq    integer primary key,
	id     text not null unique,
	model  text not null,
	record text not null -- rondo.Dataset
) strict;
create index datasets_model on datasets (model, seq);

create table runs (
	seq    integer primary key,
	id     text not null unique,
	model  text not null,
	record text not null -- rondo.Run
) strict;
create index runs_model on runs (model, seq);

create table evaluations (
	seq    integer primary key,
	id     text not null unique,
	model  text not null,
	record text not null -- rondo.Evaluation
) strict;
create index evaluations_model on evaluations (model, seq);

create table test_uses (
	model  text    not null,
	rows   text    not null, -- digest of the test rows
	number integer not null check (number >= 1),
	use    text    not null,
	made   integer not null,
	primary key (model, rows, number),
	unique (model, rows, use)
) strict, without rowid;

create table versions (
	seq      integer primary key,
	id       text    not null unique,
	model    text    not null,
	number   integer not null check (number >= 1),
	state    text    not null check (state in ('candidate', 'challenger', 'champion', 'retired', 'rejected')),
	answered_from  integer,
	answered_until integer,
	record   text    not null, -- rondo.Version; state, from and until are the columns
	unique (model, number),
	check (state <> 'champion' or (answered_from is not null and answered_until is null))
) strict;
create unique index versions_champion on versions (model) where state = 'champion';

create table routes (
	seq        integer primary key,
	model      text    not null unique,
	generation integer not null check (generation >= 1),
	champion   text    not null,
	challenger text    not null,
	share      real    not null check (share between 0 and 1),
	salt       text    not null,
	parent     text    not null
) strict;

create table decisions (
	seq    integer primary key,
	id     text not null unique,
	model  text not null,
	cycle  text not null,
	step   text not null,
	rule   text not null,
	record text not null -- rondo.Decision
) strict;
create unique index decisions_once on decisions (step, rule) where step <> '';
create index decisions_model on decisions (model, seq);
create index decisions_cycle on decisions (cycle, seq) where cycle <> '';

create table named_values (
	model text not null,
	name  text not null,
	value blob not null,
	primary key (model, name)
) strict, without rowid;

create table ledger (
	seq     integer primary key,
	at      integer not null,
	model   text    not null,
	cause   text    not null,
	ref     text    not null,
	attempt integer not null,
	cpu     integer not null check (cpu >= 0), -- nanoseconds
	amount  integer not null,
	unique (model, ref, attempt, cause)
) strict;
create index ledger_at on ledger (model, at, cause, cpu, amount); -- sums read the index alone
create index ledger_model on ledger (model, seq);

create table reservations (
	model   text    not null,
	ref     text    not null,
	attempt integer not null,
	amount  integer not null check (amount >= 0),
	made    integer not null,
	primary key (model, ref, attempt)
) strict, without rowid;

create table tokens (
	seq    integer primary key,
	name   text    not null unique,
	hash   blob    not null unique check (length(hash) = 32),
	scopes text    not null, -- JSON list
	made   integer not null
) strict;
