-- Names that look like others, and allowances that are decided again.

-- With which tables the keys of names were made, `fold_version` and `skeleton_version`: a start with others makes them anew.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- UTS #39: two names that look alike have one. Filled by the start that follows.
ALTER TABLE accounts ADD COLUMN skeleton TEXT NOT NULL DEFAULT '';
-- Those outside ASCII are looked for first.
CREATE INDEX accounts_skeleton ON accounts (tenant, skeleton, length(CAST(name AS BLOB)) > length(name));

-- The revision that was asked last for the allowance; what it is now is not asked again after an upgrade.
ALTER TABLE accounts ADD COLUMN allowance_revision INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET allowance_revision = (SELECT t.active_revision FROM tenants t WHERE t.id = accounts.tenant);
CREATE INDEX accounts_allowance ON accounts (tenant, allowance_revision) WHERE state = 'active';
