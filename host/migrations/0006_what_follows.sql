-- What follows a change, at other programs: their file of passwords, their webhook. And names that others have already.

-- What a change has to be followed by: written in the change's own transaction, taken away when it is delivered.
CREATE TABLE outbox (
    id       INTEGER PRIMARY KEY,
    tenant   INTEGER NOT NULL REFERENCES tenants (id),
    sink     TEXT NOT NULL CHECK (sink IN ('ankisyncd', 'webhook')),
    -- What stays in order among itself: the name of the account; empty for what is about the tenant.
    name     TEXT NOT NULL,
    event    TEXT NOT NULL,
    -- What it is known under to whoever gets it, the same at every attempt.
    message  TEXT NOT NULL UNIQUE,
    -- JSON: what it is about.
    content  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL,
    -- Why the latest attempt failed; for operators.
    trouble  TEXT
) STRICT;
CREATE INDEX outbox_order ON outbox (tenant, sink, name, id);
CREATE INDEX outbox_due ON outbox (sink, next_at);

-- The tenant's ankisyncd database; for tenant `default` null means what the settings say.
ALTER TABLE tenants ADD COLUMN auth_db TEXT;
-- The hash that a closed account had there, for when it is opened again.
ALTER TABLE accounts ADD COLUMN kept_hash TEXT;

CREATE TABLE webhooks (
    tenant     INTEGER PRIMARY KEY REFERENCES tenants (id),
    url        TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What its messages are signed with, all of them at once: the next one is made known before the last one is taken away. They stand here
-- as they are, because whoever signs needs them.
CREATE TABLE webhook_secrets (
    id         TEXT PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES webhooks (tenant),
    secret     BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_secrets_tenant ON webhook_secrets (tenant);

-- Since when nothing is sent any more, because the endpoint said that it is gone; null while it is.
ALTER TABLE webhooks ADD COLUMN stopped_at INTEGER;
-- How many messages were tried for as long as they are, and never taken.
ALTER TABLE webhooks ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
-- Who has something due, and when something is next, without a walk over what others wait for.
CREATE INDEX outbox_of ON outbox (sink, tenant, next_at);

-- Where a key was read whose text others keep: a later start looks for it there again. Null for every other key.
ALTER TABLE keys ADD COLUMN origin TEXT;

-- What waits for one tenant's ankisyncd, the oldest first.
CREATE INDEX outbox_line ON outbox (sink, tenant, id);

-- The ankisyncd database that something was written to: where it is gone, none is made in its place.
ALTER TABLE tenants ADD COLUMN auth_db_there TEXT;
