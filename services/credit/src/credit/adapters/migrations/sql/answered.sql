-- An answer without events. It is kept for the key's replays, rejections included.
CREATE FUNCTION answered(
    p_scope text, p_key text, p_fingerprint text, p_status int, p_answer jsonb, p_correlation_id text
) RETURNS movement LANGUAGE plpgsql AS $$
DECLARE
    -- A replayed rejection names the request that was rejected, so that its log lines are found.
    kept jsonb := CASE
        WHEN p_status < 400 THEN p_answer
        ELSE p_answer || jsonb_build_object('ref', p_correlation_id)
    END;
BEGIN
    PERFORM answer_idempotency_key(p_scope, p_key, p_fingerprint, p_status, kept);
    RETURN ROW('done', p_status, kept, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::movement;
END $$
