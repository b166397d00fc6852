-- Locks a hold for its end and says what stands against it, if anything. The hold comes before its account in
-- every transaction, so that no two wait for each other.
CREATE FUNCTION lock_hold(
    p_hold_id uuid, p_caller text, p_any boolean, p_end text, OUT locked hold, OUT status int, OUT answer jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    state text;
BEGIN
    SELECT * INTO locked FROM hold h WHERE h.id = p_hold_id FOR UPDATE;
    state := locked.status;
    -- A deadline is a deadline, whether or not the expiry worker has come by.
    IF p_end = 'posted' AND state = 'placed' AND locked.expires_at <= now() THEN
        state := 'expired';
    END IF;
    IF locked.id IS NULL OR NOT (p_any OR locked.user_id = p_caller) THEN
        status := 404;
        answer := jsonb_build_object('code', 'not_found', 'what', 'hold');
    ELSIF NOT (p_any OR locked.placed_by = p_caller) THEN
        -- Otherwise a user could take back what a service has set aside for what it is just buying.
        status := 403;
        answer := jsonb_build_object('code', 'forbidden');
    ELSIF state NOT IN ('placed', p_end) THEN
        status := 409;
        answer := jsonb_build_object('code', 'state_conflict', 'state', state);
    ELSE
        status := 0;
    END IF;
END $$
