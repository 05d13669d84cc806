-- Rules that change while the server runs: who made a revision and why, which one was active when, and what it was compiled to.

-- Id of the key that made it; null for one that the machine made with its tenant.
ALTER TABLE revisions ADD COLUMN made_by TEXT;
ALTER TABLE revisions ADD COLUMN note TEXT NOT NULL DEFAULT '';
-- The settings document as it was sent, where that was not the JSON that the policy got.
ALTER TABLE revisions ADD COLUMN settings_sent TEXT;
CREATE UNIQUE INDEX revisions_parts ON revisions (tenant, component, settings_digest);

-- Every change of a tenant's rules. `before` is the change that a rollback goes back to, so that pressing it again goes one further
-- back and never forward.
CREATE TABLE activations (
    id       INTEGER PRIMARY KEY,
    tenant   INTEGER NOT NULL REFERENCES tenants (id),
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    -- Id of the key that did it; null for the machine.
    by       TEXT,
    why      TEXT NOT NULL CHECK (why IN ('created', 'activated', 'rolled_back', 'probation')),
    before   INTEGER REFERENCES activations (id),
    FOREIGN KEY (tenant, revision) REFERENCES revisions (tenant, number)
) STRICT;
CREATE INDEX activations_tenant ON activations (tenant, revision);
-- What is removed is looked for here, too.
CREATE INDEX activations_before ON activations (before);
CREATE INDEX revisions_everywhere ON revisions (component, settings_digest);

ALTER TABLE tenants ADD COLUMN activation INTEGER REFERENCES activations (id);
CREATE INDEX tenants_activation ON tenants (activation);
INSERT INTO activations (tenant, revision, at, why)
    SELECT t.id, t.active_revision, t.created_at, 'created' FROM tenants t
    WHERE EXISTS (SELECT 1 FROM revisions r WHERE r.tenant = t.id AND r.number = t.active_revision);
UPDATE tenants SET activation = (SELECT a.id FROM activations a WHERE a.tenant = tenants.id);

-- What a component with its settings was compiled to: the SHA-256 of the file in the cache, by which it is known again before it is
-- mapped. `engine` is the world and what wasmtime says of its own compatibility.
CREATE TABLE compiled (
    component       TEXT NOT NULL,
    settings_digest TEXT NOT NULL,
    engine          TEXT NOT NULL,
    digest          TEXT NOT NULL,
    PRIMARY KEY (component, settings_digest, engine)
) STRICT, WITHOUT ROWID;

-- A tenant's number is never given again: what was under way for one that was removed must not reach the next.
CREATE TABLE last_tenant (
    id INTEGER NOT NULL
) STRICT;
INSERT INTO last_tenant SELECT coalesce(max(id), 0) FROM tenants;
