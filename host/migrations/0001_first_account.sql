-- The first ledger: tenants, their keys and revisions, accounts, and the record of every decision.
-- Times are milliseconds since 1970-01-01 UTC. Booleans are 0 and 1.

CREATE TABLE tenants (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    issuer          TEXT NOT NULL DEFAULT '',
    active_revision INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

-- What a key opens: `tenant` is null for an operator's. Only the SHA-256 of the whole key is kept.
CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    tenant     INTEGER REFERENCES tenants (id),
    hash       BLOB NOT NULL,
    -- 1 for a key that was supplied from outside and does not carry its id: found by comparing with every such row.
    foreign_form INTEGER NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE components (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

-- A revision is a component and its settings, under a number that the tenant owns.
CREATE TABLE revisions (
    tenant          INTEGER NOT NULL REFERENCES tenants (id),
    number          INTEGER NOT NULL,
    policy          TEXT NOT NULL,
    component       TEXT NOT NULL REFERENCES components (digest),
    settings        TEXT NOT NULL,
    settings_digest TEXT NOT NULL,
    made_at         INTEGER NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT;

CREATE TABLE accounts (
    id              INTEGER PRIMARY KEY,
    tenant          INTEGER NOT NULL REFERENCES tenants (id),
    -- Who: (issuer, subject), or (issuer, username) while there is no subject.
    issuer          TEXT NOT NULL,
    subject         TEXT,
    username        TEXT NOT NULL,
    -- The name, frozen, and the key under which it is unique.
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    email           TEXT,
    -- Lower-case A-labels, only of a verified e-mail: what a domain quota counts.
    verified_domain TEXT,
    state           TEXT NOT NULL CHECK (state IN ('active', 'closed')),
    allowance       TEXT NOT NULL,
    revision        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX accounts_name ON accounts (tenant, name_key);
CREATE UNIQUE INDEX accounts_subject ON accounts (tenant, issuer, subject) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX accounts_without_subject ON accounts (tenant, issuer, username) WHERE subject IS NULL;
CREATE INDEX accounts_username ON accounts (tenant, issuer, username);
CREATE INDEX accounts_counted ON accounts (tenant, state, verified_domain);

-- Every request that reached a tenant, and what its answer depended on.
CREATE TABLE decisions (
    id              INTEGER PRIMARY KEY,
    tenant          INTEGER NOT NULL REFERENCES tenants (id),
    request_id      TEXT NOT NULL,
    at              INTEGER NOT NULL,
    key             TEXT NOT NULL,
    occasion        TEXT NOT NULL,
    source          TEXT NOT NULL,
    dry_run         INTEGER NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('known', 'granted', 'refused', 'failed')),
    code            TEXT,
    stage           TEXT,
    detail          TEXT,
    name            TEXT,
    -- Place of the name among the policy's candidates, from 0.
    place           INTEGER,
    revision        INTEGER NOT NULL,
    digest          TEXT NOT NULL,
    settings_digest TEXT NOT NULL,
    -- The request as the policy got it, and the counts it was given; the counts are null when it was not asked.
    request         TEXT NOT NULL,
    used            INTEGER,
    used_in_domain  INTEGER,
    notes           TEXT NOT NULL,
    fuel            INTEGER
) STRICT;

CREATE INDEX decisions_request ON decisions (tenant, request_id);
