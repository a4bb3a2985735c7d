-- A time is found among positions by guessing where it stands: as quickly in a long log as in a short one.
--
-- Between two positions whose times are known, a time is looked for where it would stand if the log had grown evenly, and
-- when that proves too early, somewhat further the next time, so that it soon stands between two looks that are close to
-- each other. Where the clock says nothing new, as among the events of one commit, what is left is halved. A log that grows
-- most unevenly defeats this; so after 16 guesses it is only halved, as it always was before.
SET ROLE ledger_owner;

-- The last position past p_low up to p_high at which the clock says p_at or earlier; p_low where there is none. What it is
-- thought to say at both ends (null at the lower one: not known) is where guessing begins, and decides nothing.
CREATE FUNCTION ledger.search(p_journal integer, p_effective boolean, p_at timestamptz,
  p_low bigint, p_low_at timestamptz, p_high bigint, p_high_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  -- As floats, which infinite times and their differences are too.
  at CONSTANT float8 := date_part('epoch', p_at);
  since float8 := date_part('epoch', p_low_at);
  until float8 := date_part('epoch', p_high_at);
  low bigint := p_low; high bigint := p_high; place bigint; found timestamptz; now_at float8;
  guesses integer := 16; guessed boolean; blind boolean := false;
  missed integer := 0;    -- how often in a row a guess was too early (below zero: too late), as a power of four
BEGIN
  WHILE low < high LOOP
    guessed := guesses > 0 AND NOT blind AND high - low > 8 AND until > since;
    IF since IS NULL THEN
      place := low + 1;
    ELSIF guessed THEN
      place := low + floor(least(greatest((at - since) / (until - since), 0), 1) * (high - low))::bigint
        + missed * greatest((high - low) / 32, 4);
      place := coalesce(least(greatest(place, low + 1), high), high);
      guesses := guesses - 1;
    ELSE
      place := (low + high + 1) / 2;
    END IF;
    SELECT CASE WHEN p_effective THEN latest_effective_at ELSE recorded_at END INTO found
    FROM event WHERE journal_id = p_journal AND position = place;
    now_at := date_part('epoch', found);
    IF found <= p_at THEN
      blind := coalesce(now_at = since, false); low := place; since := now_at;
      IF guessed THEN missed := CASE WHEN missed < 0 THEN 0 ELSE greatest(missed * 4, 1) END; END IF;
    ELSE
      blind := coalesce(now_at = until, false); high := place - 1; until := now_at;
      IF guessed THEN missed := CASE WHEN missed > 0 THEN 0 ELSE least(missed * 4, -1) END; END IF;
    END IF;
  END LOOP;
  RETURN low;
END $$;

CREATE OR REPLACE FUNCTION ledger.position_at(p_journal integer, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE head journal_head;
BEGIN
  SELECT * INTO head FROM journal_head WHERE journal_id = p_journal;
  IF head.archived > 0 AND p_at < head.archived_recorded_at THEN
    RAISE EXCEPTION 'what was recorded by % is archived: the log of journal % begins at %',
      p_at, p_journal, head.archived_recorded_at;
  END IF;
  RETURN search(p_journal, false, p_at, head.archived,
                CASE WHEN head.archived > 0 THEN head.archived_recorded_at END, head.position, head.recorded_at);
END $$;

CREATE OR REPLACE FUNCTION ledger.effective_position_at(p_journal integer, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE head journal_head;
BEGIN
  SELECT * INTO head FROM journal_head WHERE journal_id = p_journal;
  IF head.archived > 0 AND p_at < head.archived_effective_at THEN
    RAISE EXCEPTION 'what had taken effect by % is archived: the log of journal % begins at %',
      p_at, p_journal, head.archived_effective_at;
  END IF;
  RETURN search(p_journal, true, p_at, head.archived,
                CASE WHEN head.archived > 0 THEN head.archived_effective_at END, head.position, head.effective_at);
END $$;

-- As before; but how far events stand that came a little late is looked for from there on, and not in all of the log.
CREATE OR REPLACE FUNCTION ledger.effective_balances_at(p_journal integer, p_accounts bigint[], p_at timestamptz, p_known bigint)
RETURNS TABLE (account_id bigint, balance numeric)
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  place bigint := effective_position_at(p_journal, p_at);
  near  bigint := p_known;
BEGIN
  IF place < p_known THEN
    SELECT least(search(p_journal, true, p_at + interval '1 minute', place, p_at, h.position, h.effective_at), p_known)
    INTO near FROM journal_head h WHERE h.journal_id = p_journal;
  ELSE
    place := p_known;
  END IF;
  RETURN QUERY
  SELECT b.account_id, b.balance + coalesce(late.change, 0)
  FROM balances_at(p_journal, p_accounts, place) AS b, LATERAL (
    SELECT sum(x.change) AS change FROM (
      SELECT t.position, -t.amount AS change FROM transfer t WHERE t.journal_id = p_journal
        AND t.debit_account_id = b.account_id AND t.position > place AND t.position <= near AND t.lateness = 1
      UNION ALL
      SELECT t.position, t.amount FROM transfer t WHERE t.journal_id = p_journal
        AND t.credit_account_id = b.account_id AND t.position > place AND t.position <= near AND t.lateness = 1
      UNION ALL
      SELECT t.position, -t.amount FROM transfer t WHERE t.journal_id = p_journal
        AND t.debit_account_id = b.account_id AND t.position > place AND t.position <= p_known AND t.lateness = 2
      UNION ALL
      SELECT t.position, t.amount FROM transfer t WHERE t.journal_id = p_journal
        AND t.credit_account_id = b.account_id AND t.position > place AND t.position <= p_known AND t.lateness = 2
    ) AS x JOIN event e ON e.journal_id = p_journal AND e.position = x.position AND e.effective_at <= p_at) AS late;
END $$;

REVOKE ALL ON FUNCTION ledger.search FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.search TO wealthgraph_engine, wealthgraph_api;
RESET ROLE;
