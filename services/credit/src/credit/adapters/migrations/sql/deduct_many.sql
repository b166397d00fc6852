-- Many deductions in one round trip and one commit, each booked or refused as if it had come alone. What is in
-- order goes through set by set; what is not (a key or transfer that is known, an account that cannot pay for all
-- that is asked of it, a warning to be given) goes through move_credits(), one by one.
-- No two may have the same key or transfer.
CREATE FUNCTION deduct_many(
    p_system_account text, p_scopes text[], p_keys text[], p_fingerprints text[], p_transfer_ids uuid[],
    p_user_ids text[], p_currencies text[], p_amounts_minor bigint[], p_reasons text[], p_services text[],
    p_references text[], p_links text[], p_event_ids uuid[], p_warning_ids uuid[], p_traceparents text[],
    p_correlation_ids text[], p_causation_ids text[]
) RETURNS TABLE (
    place bigint, verdict text, status smallint, answer jsonb, id uuid, type text, user_id text,
    occurred_at timestamptz, data text, traceparent text, correlation_id text, causation_id text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    locked boolean[];
    booked bigint;
    n bigint;
BEGIN
    -- Before anything is looked up, or what another transaction has just answered would be overlooked.
    SELECT array_agg(pg_try_advisory_xact_lock(hashtextextended(w.scope || ' ' || w.key, 0)) ORDER BY w.n) INTO locked
    FROM unnest(p_scopes, p_keys) WITH ORDINALITY AS w(scope, key, n);

    -- Always in the same order, so that two batches never wait for each other.
    PERFORM FROM account a
    WHERE (a.user_id, a.currency) IN (SELECT u, c FROM unnest(p_user_ids, p_currencies) AS w(u, c))
    ORDER BY a.user_id, a.currency FOR NO KEY UPDATE;

    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT w.*,
            sum(w.amount_minor) OVER account_so_far AS taken, row_number() OVER account_so_far AS step
        FROM unnest(
            p_scopes, p_keys, p_fingerprints, p_transfer_ids, p_user_ids, p_currencies, p_amounts_minor, p_reasons,
            p_services, p_references, p_links, p_event_ids, p_traceparents, p_correlation_ids, p_causation_ids, locked
        ) WITH ORDINALITY AS w(
            scope, key, fingerprint, transfer_id, user_id, currency, amount_minor, reason, service, reference, link,
            event_id, traceparent, correlation_id, causation_id, locked, place
        )
        WHERE w.locked
            AND NOT EXISTS (SELECT FROM idempotency_key k WHERE k.scope = w.scope AND k.key = w.key)
            -- A scalar subquery is an index lookup each; as a join it was planned as a scan of all transfers.
            AND (SELECT t.id FROM transfer t WHERE t.id = w.transfer_id) IS NULL
        WINDOW account_so_far AS (PARTITION BY w.user_id, w.currency ORDER BY w.place)
    ), asked AS (
        SELECT user_id, currency, sum(amount_minor)::bigint AS minor, count(*) AS steps FROM wanted GROUP BY 1, 2
    ), paid AS (
        UPDATE account a SET posted = posted - q.minor, version = version + q.steps
        FROM asked q
        WHERE a.user_id = q.user_id AND a.currency = q.currency AND closed_at IS NULL AND frozen_at IS NULL
            AND posted - held >= q.minor
            AND (
                low_balance_warned_version IS NOT NULL OR posted - held < low_balance_threshold
                OR posted - held - q.minor >= low_balance_threshold
            )
        RETURNING a.user_id, a.currency, a.held, a.posted - a.held + q.minor AS available, a.version - q.steps AS version
    ), booked AS (
        INSERT INTO transfer AS t (
            id, kind, user_id, currency, amount_minor, reason, service, reference, link,
            balance_after, held_after, version, event_id
        )
        SELECT w.transfer_id, 'deduction', w.user_id, w.currency, w.amount_minor, w.reason, w.service, w.reference,
            w.link, p.available - w.taken, p.held, p.version + w.step, w.event_id
        FROM wanted w JOIN paid p USING (user_id, currency)
        RETURNING t.id, t.user_id, t.currency, t.amount_minor, t AS row
    ), entries AS (
        INSERT INTO entry (transfer_id, leg, user_id, system_account, currency, amount_minor)
        SELECT id, 1, user_id, NULL, currency, -amount_minor FROM booked
        UNION ALL SELECT id, 2, NULL, p_system_account, currency, amount_minor FROM booked
    ), done AS MATERIALIZED (
        SELECT w.*, to_jsonb(b.row) AS answer, deducted(b.row) AS data
        FROM wanted w JOIN booked b ON b.id = w.transfer_id
    ), answered AS (
        INSERT INTO idempotency_key (scope, key, fingerprint, status, answer)
        SELECT scope, key, fingerprint, 201, answer FROM done
    ), announced AS (
        INSERT INTO outbox (id, type, user_id, occurred_at, data, traceparent, correlation_id, causation_id)
        SELECT event_id, 'credit.deducted.v1', user_id, now(), data, traceparent, correlation_id, causation_id
        FROM done
    )
    SELECT place, 'done', 201::smallint, answer, event_id, 'credit.deducted.v1', user_id, now(), data::text,
        traceparent, correlation_id, causation_id
    FROM done;

    GET DIAGNOSTICS booked = ROW_COUNT;
    IF booked = array_length(p_keys, 1) THEN
        RETURN;
    END IF;

    FOR n IN
        SELECT w.n FROM unnest(p_event_ids) WITH ORDINALITY AS w(event_id, n)
        WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.id = w.event_id) ORDER BY w.n
    LOOP
        RETURN QUERY SELECT n, m.* FROM move_credits(
            p_scopes[n], p_keys[n], p_fingerprints[n], p_transfer_ids[n], 'deduction', p_user_ids[n],
            p_currencies[n], p_amounts_minor[n], p_system_account, NULL, p_reasons[n], p_services[n],
            p_references[n], p_links[n], p_event_ids[n], p_warning_ids[n], p_traceparents[n],
            p_correlation_ids[n], p_causation_ids[n]
        ) AS m;
    END LOOP;
END $$
