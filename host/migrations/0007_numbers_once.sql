-- A number of the outbox is given once: what is settled late, by its number, is settled alone, whatever was removed meanwhile.
ALTER TABLE outbox RENAME TO outbox_before;
CREATE TABLE outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO outbox (id, tenant, sink, name, event, message, content, at, attempts, next_at, trouble)
    SELECT id, tenant, sink, name, event, message, content, at, attempts, next_at, trouble FROM outbox_before ORDER BY id;
DROP TABLE outbox_before;
-- What waits for a name; who has something due, and when something is next; what waits for one tenant, the oldest first.
CREATE INDEX outbox_order ON outbox (tenant, sink, name, id);
CREATE INDEX outbox_of ON outbox (sink, tenant, next_at);
CREATE INDEX outbox_line ON outbox (sink, tenant, id);

-- Which setting of the URL holds, drawn anew each time it is set: a miss under an earlier one says nothing of this one.
ALTER TABLE webhooks ADD COLUMN setting INTEGER NOT NULL DEFAULT 0;
