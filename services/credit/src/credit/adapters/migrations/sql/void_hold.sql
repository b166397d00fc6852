-- Releases a hold, in one round trip.
CREATE FUNCTION void_hold(
    p_scope text, p_key text, p_fingerprint text,
    p_hold_id uuid, p_caller text, p_any boolean,
    p_event_id uuid, p_traceparent text, p_correlation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    claim record;
    found record;
    outcome movement;
BEGIN
    SELECT * INTO claim FROM claim_idempotency_key(p_scope, p_key, p_fingerprint);
    IF claim.verdict <> 'claimed' THEN
        RETURN NEXT replayed(claim.verdict, claim.status, claim.answer);
        RETURN;
    END IF;

    SELECT * INTO found FROM lock_hold(p_hold_id, p_caller, p_any, 'voided');
    IF found.status > 0 THEN
        RETURN NEXT answered(p_scope, p_key, p_fingerprint, found.status, found.answer, p_correlation_id);
    ELSIF (found.locked).status = 'voided' THEN
        RETURN NEXT answered(p_scope, p_key, p_fingerprint, 200, to_jsonb(found.locked), p_correlation_id);
    ELSE
        SELECT * INTO outcome
        FROM release_hold(found.locked, 'voided', p_event_id, p_traceparent, p_correlation_id);
        PERFORM answer_idempotency_key(p_scope, p_key, p_fingerprint, 200, outcome.answer);
        RETURN NEXT outcome;
    END IF;
END $$
