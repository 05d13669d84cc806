-- What operators live with: tenants with homes of their own, keys that expire, accounts that close, a record that can be searched;
-- and counters, so that usage is read and not counted.

-- Null: the place that follows from the tenant's name. A removed tenant keeps its row while the record speaks of its accounts.
ALTER TABLE tenants ADD COLUMN home TEXT;
ALTER TABLE tenants ADD COLUMN removed_at INTEGER;

ALTER TABLE keys ADD COLUMN note TEXT NOT NULL DEFAULT '';
-- Id of the key that made it; null for one that the machine made: the first start, or a recovery on the data folder.
ALTER TABLE keys ADD COLUMN created_by TEXT;
ALTER TABLE keys ADD COLUMN expires_at INTEGER;
-- To the minute.
ALTER TABLE keys ADD COLUMN last_used_at INTEGER;
ALTER TABLE keys ADD COLUMN revoked_at INTEGER;
-- Id of the key that revoked it; null for one that went with its tenant, or on the data folder.
ALTER TABLE keys ADD COLUMN revoked_by TEXT;

ALTER TABLE accounts ADD COLUMN closed_at INTEGER;
-- From then on the row is a tombstone: a name that nobody gets, and nothing of the person.
ALTER TABLE accounts ADD COLUMN erased_at INTEGER;

DROP INDEX accounts_without_subject;
CREATE UNIQUE INDEX accounts_without_subject ON accounts (tenant, issuer, username) WHERE subject IS NULL AND erased_at IS NULL;
DROP INDEX accounts_username;
CREATE INDEX accounts_username ON accounts (tenant, issuer, username) WHERE erased_at IS NULL;
DROP INDEX accounts_counted;

-- Open accounts of a tenant: in all under the domain '', and with a verified e-mail under each domain. Kept by the triggers below,
-- in the transaction that opens or closes, whichever door it comes through.
CREATE TABLE usage (
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    domain TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active >= 0),
    PRIMARY KEY (tenant, domain)
) STRICT, WITHOUT ROWID;

INSERT INTO usage SELECT tenant, '', count(*) FROM accounts WHERE state = 'active' GROUP BY tenant;
INSERT INTO usage SELECT tenant, verified_domain, count(*) FROM accounts
    WHERE state = 'active' AND verified_domain IS NOT NULL GROUP BY tenant, verified_domain;

CREATE TRIGGER accounts_opened AFTER INSERT ON accounts WHEN new.state = 'active' BEGIN
    INSERT INTO usage VALUES (new.tenant, '', 1) ON CONFLICT DO UPDATE SET active = active + 1;
    INSERT INTO usage SELECT new.tenant, new.verified_domain, 1 WHERE new.verified_domain IS NOT NULL
        ON CONFLICT DO UPDATE SET active = active + 1;
END;

CREATE TRIGGER accounts_changed AFTER UPDATE OF tenant, state, verified_domain ON accounts BEGIN
    UPDATE usage SET active = active - 1
        WHERE old.state = 'active' AND tenant = old.tenant AND domain IN ('', old.verified_domain);
    INSERT INTO usage SELECT new.tenant, '', 1 WHERE new.state = 'active'
        ON CONFLICT DO UPDATE SET active = active + 1;
    INSERT INTO usage SELECT new.tenant, new.verified_domain, 1 WHERE new.state = 'active' AND new.verified_domain IS NOT NULL
        ON CONFLICT DO UPDATE SET active = active + 1;
END;

CREATE TRIGGER accounts_deleted AFTER DELETE ON accounts WHEN old.state = 'active' BEGIN
    UPDATE usage SET active = active - 1 WHERE tenant = old.tenant AND domain IN ('', old.verified_domain);
END;

-- Whom a row of the record is about, to be found and to be forgotten by; null in rows that are about nobody, or that were masked.
-- A row whose occasion is neither `opening` nor `sign_up` is an act of an operator's, such as `account_close`.
ALTER TABLE decisions ADD COLUMN issuer TEXT;
ALTER TABLE decisions ADD COLUMN subject TEXT;
ALTER TABLE decisions ADD COLUMN username TEXT;
ALTER TABLE decisions ADD COLUMN email TEXT;

UPDATE decisions SET
    issuer = json_extract(request, '$.applicant.issuer'),
    subject = json_extract(request, '$.applicant.subject'),
    username = json_extract(request, '$.applicant.username'),
    email = json_extract(request, '$.applicant.email.address');

CREATE INDEX decisions_tenant ON decisions (tenant);
CREATE INDEX decisions_username ON decisions (tenant, username) WHERE username IS NOT NULL;
CREATE INDEX decisions_subject ON decisions (tenant, subject) WHERE subject IS NOT NULL;
CREATE INDEX decisions_email ON decisions (tenant, email) WHERE email IS NOT NULL;
CREATE INDEX decisions_name ON decisions (tenant, name) WHERE name IS NOT NULL;

-- Names that no request gets although no account has them: folders were found under them that the database does not know, because a
-- backup was restored that is older than they are. Making the account by hand takes the row away.
CREATE TABLE reserved (
    tenant   INTEGER NOT NULL REFERENCES tenants (id),
    name_key TEXT NOT NULL,
    name     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, name_key)
) STRICT, WITHOUT ROWID;
