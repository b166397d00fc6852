-- Sets part of a balance aside, in one round trip. No money moves, so there is no transfer yet.
CREATE FUNCTION place_hold(
    p_scope text, p_key text, p_fingerprint text,
    p_hold_id uuid, p_user_id text, p_currency text, p_amount_minor bigint,
    p_reason text, p_service text, p_reference text, p_link text,
    p_placed_by text, p_expires_in_seconds int,
    p_event_id uuid, p_warning_id uuid, p_traceparent text, p_correlation_id text, p_causation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    claim record;
    placed hold;
    changed account;
    refused record;
BEGIN
    SELECT * INTO claim FROM claim_idempotency_key(p_scope, p_key, p_fingerprint);
    IF claim.verdict <> 'claimed' THEN
        RETURN NEXT replayed(claim.verdict, claim.status, claim.answer);
        RETURN;
    END IF;

    SELECT * INTO placed FROM hold h WHERE h.id = p_hold_id;
    IF FOUND THEN
        IF (placed.user_id, placed.currency, placed.amount_minor) = (p_user_id, p_currency, p_amount_minor) THEN
            RETURN NEXT answered(p_scope, p_key, p_fingerprint, 201, to_jsonb(placed), p_correlation_id);
        ELSE
            RETURN NEXT answered(
                p_scope, p_key, p_fingerprint, 409, jsonb_build_object('code', 'transfer_conflict'), p_correlation_id
            );
        END IF;
        RETURN;
    END IF;

    LOOP
        changed := change_account(p_user_id, p_currency, 0, p_amount_minor);
        EXIT WHEN changed.user_id IS NOT NULL;
        SELECT * INTO refused FROM why_refused(p_user_id, p_currency, 0, p_amount_minor);
        IF refused.status > 0 THEN
            RETURN NEXT answered(p_scope, p_key, p_fingerprint, refused.status, refused.answer, p_correlation_id);
            RETURN;
        END IF;
    END LOOP;

    -- The same hold placed at this moment under another key violates hold_pkey and undoes all of this.
    INSERT INTO hold (
        id, user_id, currency, amount_minor, reason, service, reference, link, placed_by, expires_at,
        balance_after, held_after, version, event_id, correlation_id
    ) VALUES (
        p_hold_id, p_user_id, p_currency, p_amount_minor, p_reason, p_service, p_reference, p_link, p_placed_by,
        now() + make_interval(secs => p_expires_in_seconds),
        changed.posted - changed.held, changed.held, changed.version, p_event_id, p_correlation_id
    ) RETURNING * INTO placed;
    PERFORM answer_idempotency_key(p_scope, p_key, p_fingerprint, 201, to_jsonb(placed));

    RETURN QUERY SELECT * FROM announce(
        201, to_jsonb(placed), p_event_id, 'credit.held.v1',
        jsonb_build_object(
            'transfer_id', placed.id, 'currency', placed.currency, 'amount_minor', placed.amount_minor,
            'balance_after', placed.balance_after, 'held_after', placed.held_after, 'version', placed.version,
            'reason', placed.reason, 'reference', placed.reference
        ),
        p_warning_id, changed, p_traceparent, p_correlation_id, p_causation_id
    );
END $$
