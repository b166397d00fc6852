-- What every function that moves money returns: the verdict on the key, the answer, and one outbox row (the
-- columns from id on) for each event that was written. Without an event there is one row with a NULL id.
CREATE TYPE movement AS (
    verdict text,
    status smallint,
    answer jsonb,
    id uuid,
    type text,
    user_id text,
    occurred_at timestamptz,
    data text,
    traceparent text,
    correlation_id text,
    causation_id text
)
