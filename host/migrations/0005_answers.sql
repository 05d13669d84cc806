-- What a policy answered, as far as no other column has it: the names that it proposed, the one of them that it was told, and its
-- allowance or its message. With the request and the counts that is all that is needed to ask again and to compare. Null where the
-- policy was not asked, where the record is about nobody, and in rows that were written before.
ALTER TABLE decisions ADD COLUMN answer TEXT;
