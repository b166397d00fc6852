-- Writes a movement's event, and the low-balance warning when this very change crossed the threshold.
CREATE FUNCTION announce(
    p_status int, p_answer jsonb, p_event_id uuid, p_type text, p_data jsonb, p_warning_id uuid, p_account account,
    p_traceparent text, p_correlation_id text, p_causation_id text
) RETURNS SETOF movement LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    INSERT INTO outbox AS o (id, type, user_id, data, traceparent, correlation_id, causation_id)
    SELECT p_event_id, p_type, p_account.user_id, p_data, p_traceparent, p_correlation_id, p_causation_id
    UNION ALL
    SELECT p_warning_id, 'credit.low_balance.v1', p_account.user_id,
        jsonb_build_object(
            'currency', p_account.currency,
            'balance_after', p_account.posted - p_account.held,
            'threshold', p_account.low_balance_threshold
        ),
        p_traceparent, p_correlation_id, p_event_id::text
    WHERE p_account.low_balance_warned_version = p_account.version
    RETURNING 'done'::text, p_status::smallint, p_answer,
        o.id, o.type, o.user_id, o.occurred_at, o.data::text, o.traceparent, o.correlation_id, o.causation_id;
END $$
