-- One movement of money in one round trip: key, transfer, balance, entries, events and answer, or none of it.
CREATE FUNCTION move_credits(
    p_scope text, p_key text, p_fingerprint text,
    p_transfer_id uuid, p_kind text, p_user_id text, p_currency text, p_amount_minor bigint,
    p_system_account text, p_source text, p_reason text, p_service text, p_reference text, p_link text,
    p_event_id uuid, p_warning_id uuid, p_traceparent text, p_correlation_id text, p_causation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    claim record;
    booked transfer;
    changed account;
    refused record;
    change bigint := CASE p_kind WHEN 'addition' THEN p_amount_minor ELSE -p_amount_minor END;
BEGIN
    SELECT * INTO claim FROM claim_idempotency_key(p_scope, p_key, p_fingerprint);
    IF claim.verdict <> 'claimed' THEN
        RETURN NEXT replayed(claim.verdict, claim.status, claim.answer);
        RETURN;
    END IF;

    -- Keys are forgotten after a day, transfers never: what was booked once is answered again, not moved.
    SELECT * INTO booked FROM transfer t WHERE t.id = p_transfer_id;
    IF FOUND THEN
        IF (booked.kind, booked.user_id, booked.currency, booked.amount_minor)
            = (p_kind, p_user_id, p_currency, p_amount_minor) THEN
            RETURN NEXT answered(p_scope, p_key, p_fingerprint, 201, to_jsonb(booked), p_correlation_id);
        ELSE
            RETURN NEXT answered(
                p_scope, p_key, p_fingerprint, 409, jsonb_build_object('code', 'transfer_conflict'), p_correlation_id
            );
        END IF;
        RETURN;
    END IF;

    LOOP
        changed := change_account(p_user_id, p_currency, change, 0);
        EXIT WHEN changed.user_id IS NOT NULL;
        SELECT * INTO refused FROM why_refused(p_user_id, p_currency, greatest(change, 0), greatest(-change, 0));
        IF refused.status > 0 THEN
            RETURN NEXT answered(p_scope, p_key, p_fingerprint, refused.status, refused.answer, p_correlation_id);
            RETURN;
        END IF;
    END LOOP;

    -- The same transfer booked at this moment under another key violates transfer_pkey and undoes all of this.
    INSERT INTO transfer (
        id, kind, user_id, currency, amount_minor, source, reason, service, reference, link,
        balance_after, held_after, version, event_id
    ) VALUES (
        p_transfer_id, p_kind, p_user_id, p_currency, p_amount_minor, p_source, p_reason, p_service,
        p_reference, p_link, changed.posted - changed.held, changed.held, changed.version, p_event_id
    ) RETURNING * INTO booked;
    INSERT INTO entry (transfer_id, leg, user_id, system_account, currency, amount_minor) VALUES
        (p_transfer_id, 1, p_user_id, NULL, p_currency, change),
        (p_transfer_id, 2, NULL, p_system_account, p_currency, -change);
    PERFORM answer_idempotency_key(p_scope, p_key, p_fingerprint, 201, to_jsonb(booked));

    RETURN QUERY SELECT * FROM announce(
        201, to_jsonb(booked), p_event_id,
        CASE p_kind WHEN 'addition' THEN 'credit.added.v1' ELSE 'credit.deducted.v1' END,
        CASE p_kind WHEN 'addition' THEN added(booked) ELSE deducted(booked) END,
        p_warning_id, changed, p_traceparent, p_correlation_id, p_causation_id
    );
END $$
