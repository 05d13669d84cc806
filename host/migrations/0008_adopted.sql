-- Homes that others made.

-- Whether the account was opened with what was there already, as it was: who made that folder decides about its mode.
ALTER TABLE accounts ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
-- Of those that were imported before, as far as the record remembers them.
UPDATE accounts SET adopted = 1 WHERE EXISTS (
    SELECT 1 FROM decisions d
    WHERE d.tenant = accounts.tenant AND d.name = accounts.name AND d.occasion = 'account_import' AND d.outcome = 'granted'
);
