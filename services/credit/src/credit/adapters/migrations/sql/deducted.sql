-- The data of credit.deducted.v1.
CREATE FUNCTION deducted(booked transfer) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'transfer_id', booked.id, 'currency', booked.currency, 'amount_minor', booked.amount_minor,
        'balance_after', booked.balance_after, 'held_after', booked.held_after, 'version', booked.version,
        'reason', booked.reason, 'reference', booked.reference, 'service', booked.service, 'link', booked.link
    );
END $$
