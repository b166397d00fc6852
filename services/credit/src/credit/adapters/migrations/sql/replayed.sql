-- What is said to a key that was not claimed: the answer it got before, or why there is none.
CREATE FUNCTION replayed(p_verdict text, p_status smallint, p_answer jsonb)
RETURNS movement LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ROW(p_verdict, p_status, p_answer, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::movement;
END $$
