-- Gives what a locked hold has set aside back to its account and says so.
CREATE FUNCTION release_hold(
    p_hold hold, p_status text, p_event_id uuid, p_traceparent text, p_correlation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
DECLARE
    changed account := change_account(p_hold.user_id, p_hold.currency, 0, -p_hold.amount_minor);
    released hold;
BEGIN
    UPDATE hold h SET status = p_status, ended_at = now(), balance_after = changed.posted - changed.held,
        held_after = changed.held, version = changed.version
    WHERE h.id = p_hold.id RETURNING * INTO released;
    RETURN QUERY SELECT * FROM announce(
        200, to_jsonb(released), p_event_id, 'credit.released.v1',
        jsonb_build_object(
            'transfer_id', released.id, 'currency', released.currency, 'amount_minor', released.amount_minor,
            'balance_after', released.balance_after, 'held_after', released.held_after,
            'version', released.version, 'cause', released.status, 'reference', released.reference
        ),
        NULL, changed, p_traceparent, p_correlation_id, released.event_id::text
    );
END $$
