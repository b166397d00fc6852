-- Says why change_account() returned nothing. Status 0: another transaction has removed the reason meanwhile.
CREATE FUNCTION why_refused(
    p_user_id text, p_currency text, p_added bigint, p_taken bigint, OUT status int, OUT answer jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    found account;
BEGIN
    SELECT * INTO found FROM account a WHERE a.user_id = p_user_id AND a.currency = p_currency;
    IF found.user_id IS NULL THEN
        IF EXISTS (SELECT FROM account a WHERE a.user_id = p_user_id) THEN
            status := 422;
            answer := jsonb_build_object('code', 'currency_mismatch', 'currency', p_currency);
        ELSE
            status := 404;
            answer := jsonb_build_object('code', 'not_found', 'what', 'account');
        END IF;
    ELSIF found.closed_at IS NOT NULL THEN
        status := 409;
        answer := jsonb_build_object('code', 'account_closed');
    ELSIF found.frozen_at IS NOT NULL AND p_taken > 0 THEN
        status := 409;
        answer := jsonb_build_object('code', 'account_frozen');
    ELSIF found.posted - found.held < p_taken THEN
        status := 402;
        answer := jsonb_build_object(
            'code', 'insufficient_credits', 'currency', p_currency,
            'available_minor', found.posted - found.held, 'amount_minor', p_taken
        );
    ELSIF found.posted + p_added > 1000000000000000 THEN
        status := 422;
        answer := jsonb_build_object('code', 'balance_limit', 'currency', p_currency);
    ELSE
        status := 0;
    END IF;
END $$
