-- Answers to requests with a key are kept for a time, not for ever.
SET ROLE ledger_owner;

-- Rows of a commit share a time, so the index is small, and always grows at its end.
CREATE INDEX idempotency_age ON ledger.idempotency (journal_id, created_at);

-- Forget answers that were kept before a time, the oldest first, up to so many; answers how many. What was kept on the
-- last day of the log stays, whatever is asked: a request may be repeated for a day at least.
CREATE FUNCTION ledger.forget_answers(p_journal integer, p_before timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE forgotten integer; last timestamptz;
BEGIN
  SELECT recorded_at - interval '1 day' INTO last FROM journal_head WHERE journal_id = p_journal;
  DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency WHERE journal_id = p_journal AND created_at < least(p_before, last)
    ORDER BY created_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION ledger.forget_answers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.forget_answers TO wealthgraph_engine;
RESET ROLE;
