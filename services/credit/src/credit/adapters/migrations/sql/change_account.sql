-- Changes one account under its guard, or returns NULL. READ COMMITTED evaluates the WHERE again after it
-- has waited for another writer of the row, so no earlier lock is needed and the balance never drops below 0.
CREATE FUNCTION change_account(p_user_id text, p_currency text, p_posted bigint, p_held bigint)
RETURNS account LANGUAGE plpgsql AS $$
DECLARE
    changed account;
BEGIN
    UPDATE account a SET
        posted = posted + p_posted,
        held = held + p_held,
        version = version + 1,
        -- NULL is armed. Only money added arms it again: a hold that is voided does not, so that ten failing
        -- verifications in a row warn once.
        low_balance_warned_version = CASE
            WHEN p_posted > 0 AND posted - held + p_posted - p_held >= low_balance_threshold THEN NULL
            WHEN low_balance_warned_version IS NULL AND posted - held >= low_balance_threshold
                AND posted - held + p_posted - p_held < low_balance_threshold THEN version + 1
            ELSE low_balance_warned_version
        END
    WHERE a.user_id = p_user_id AND a.currency = p_currency
        AND posted - held + p_posted - p_held >= 0
        AND posted + p_posted <= 1000000000000000
        -- What is held when an account is closed can still be posted or given back.
        AND (closed_at IS NULL OR p_held < 0)
        -- So it is with a frozen one, to which money may still come back.
        AND (frozen_at IS NULL OR p_held < 0 OR p_posted > 0)
    RETURNING a.* INTO changed;
    RETURN changed;
END $$
