-- Releases holds whose time is over, at most one for each event id, and returns their events. Several workers
-- share the work (SKIP LOCKED); accounts are taken in one order, so that they never wait for each other in a ring.
CREATE FUNCTION expire_holds(p_event_ids uuid[], p_traceparent text) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    overdue hold;
    place int := 0;
BEGIN
    FOR overdue IN
        WITH due AS (
            SELECT * FROM hold WHERE status = 'placed' AND expires_at <= now()
            ORDER BY expires_at LIMIT cardinality(p_event_ids) FOR UPDATE SKIP LOCKED
        )
        SELECT * FROM due ORDER BY user_id, currency, expires_at
    LOOP
        place := place + 1;
        RETURN QUERY SELECT * FROM release_hold(
            overdue, 'expired', p_event_ids[place], p_traceparent, overdue.correlation_id
        );
    END LOOP;
END $$
