-- The entries of a transfer are written in one statement and sum to zero, each beside its transfer. As entries
-- are never changed or removed, what holds for each statement holds for the ledger.
CREATE FUNCTION entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM written w
        GROUP BY w.transfer_id, w.currency
        -- A scalar subquery is an index lookup for each transfer; as a join it was planned as a scan of them all.
        HAVING sum(w.amount_minor) <> 0
            OR (SELECT t.currency FROM transfer t WHERE t.id = w.transfer_id) IS DISTINCT FROM w.currency
    ) THEN
        RAISE EXCEPTION 'the entries of a transfer sum to zero, in its currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
    END IF;
    RETURN NULL;
END $$
