-- Turns a hold into a deduction, in one round trip. What is available stays the same: it was set aside before.
CREATE FUNCTION post_hold(
    p_scope text, p_key text, p_fingerprint text,
    p_hold_id uuid, p_caller text, p_any boolean, p_transfer_id uuid, p_system_account text,
    p_event_id uuid, p_traceparent text, p_correlation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    claim record;
    found record;
    held hold;
    booked transfer;
    changed account;
BEGIN
    SELECT * INTO claim FROM claim_idempotency_key(p_scope, p_key, p_fingerprint);
    IF claim.verdict <> 'claimed' THEN
        RETURN NEXT replayed(claim.verdict, claim.status, claim.answer);
        RETURN;
    END IF;

    SELECT * INTO found FROM lock_hold(p_hold_id, p_caller, p_any, 'posted');
    held := found.locked;
    IF found.status > 0 THEN
        RETURN NEXT answered(p_scope, p_key, p_fingerprint, found.status, found.answer, p_correlation_id);
        RETURN;
    ELSIF held.status = 'posted' THEN
        SELECT * INTO STRICT booked FROM transfer t WHERE t.id = p_transfer_id;
        RETURN NEXT answered(p_scope, p_key, p_fingerprint, 201, to_jsonb(booked), p_correlation_id);
        RETURN;
    END IF;

    changed := change_account(held.user_id, held.currency, -held.amount_minor, -held.amount_minor);
    INSERT INTO transfer (
        id, kind, user_id, currency, amount_minor, reason, service, reference, link, hold_id,
        balance_after, held_after, version, event_id
    ) VALUES (
        p_transfer_id, 'deduction', held.user_id, held.currency, held.amount_minor, held.reason, held.service,
        held.reference, held.link, held.id, changed.posted - changed.held, changed.held, changed.version, p_event_id
    ) RETURNING * INTO booked;
    INSERT INTO entry (transfer_id, leg, user_id, system_account, currency, amount_minor) VALUES
        (booked.id, 1, booked.user_id, NULL, booked.currency, -booked.amount_minor),
        (booked.id, 2, NULL, p_system_account, booked.currency, booked.amount_minor);
    UPDATE hold SET status = 'posted', ended_at = now(), balance_after = booked.balance_after,
        held_after = booked.held_after, version = booked.version
    WHERE id = held.id;
    PERFORM answer_idempotency_key(p_scope, p_key, p_fingerprint, 201, to_jsonb(booked));

    RETURN QUERY SELECT * FROM announce(
        201, to_jsonb(booked), p_event_id, 'credit.deducted.v1', deducted(booked),
        NULL, changed, p_traceparent, p_correlation_id, held.event_id::text
    );
END $$
