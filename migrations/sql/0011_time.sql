-- Two clocks, partitions and snapshots: what a balance was at any position, at any recorded and any effective time.
--
-- Positions are gapless and `recorded_at` never falls in a journal, so a time is found among positions by bisection. The
-- same goes for `effective_at`, but for the events that come late: by up to a minute (1: it took that long to hear of
-- them) or more (2: dated back). The former stand close to their time, the latter in an index that holds nothing else.
-- So a balance as of a time is what the account's newest entry says, plus what came late.
SET ROLE ledger_owner;

ALTER TABLE ledger.journal ADD COLUMN partition_size bigint NOT NULL DEFAULT 8388608 CHECK (partition_size > 0);
ALTER TABLE ledger.journal_head
  ADD COLUMN room bigint NOT NULL DEFAULT 0,
  ADD COLUMN archived bigint NOT NULL DEFAULT 0,
  ADD COLUMN archived_recorded_at timestamptz NOT NULL DEFAULT '1970-01-01Z',
  ADD COLUMN archived_effective_at timestamptz NOT NULL DEFAULT '1970-01-01Z',
  ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT '1970-01-01Z',
  ADD COLUMN effective_at timestamptz NOT NULL DEFAULT '1970-01-01Z';
COMMENT ON COLUMN ledger.journal_head.room IS 'the last position that has a partition';
COMMENT ON COLUMN ledger.journal_head.archived IS 'the last position whose partition was detached: before it there are snapshots only';
COMMENT ON COLUMN ledger.journal_head.archived_recorded_at IS 'when that position was recorded: nothing can be told as of an earlier time';
COMMENT ON COLUMN ledger.journal_head.archived_effective_at IS 'the latest effective time until there, likewise';
COMMENT ON COLUMN ledger.journal_head.effective_at IS 'the latest effective time so far; what took effect before it and is not recorded yet comes late';

ALTER TABLE ledger.event RENAME TO event_before;
ALTER TABLE ledger.transfer RENAME TO transfer_before;
ALTER INDEX ledger.event_pkey RENAME TO event_before_pkey;
ALTER INDEX ledger.transfer_pkey RENAME TO transfer_before_pkey;

CREATE TABLE ledger.event (
  journal_id   integer NOT NULL,
  version      smallint NOT NULL,
  lateness     smallint NOT NULL CHECK (lateness BETWEEN 0 AND 2),
  position     bigint NOT NULL,
  book_id      bigint NOT NULL,
  sequence     bigint NOT NULL,
  recorded_at  timestamptz NOT NULL,
  effective_at timestamptz NOT NULL,
  latest_effective_at timestamptz NOT NULL,
  cause        uuid,
  correlation  uuid,
  type         text NOT NULL,
  actor        text NOT NULL,
  data         jsonb NOT NULL,
  PRIMARY KEY (journal_id, position)
) PARTITION BY RANGE (journal_id, position);
COMMENT ON COLUMN ledger.event.latest_effective_at IS 'the latest effective time of this event and all before it: it never falls';

-- One row is one balanced movement; the transfers of one event are one transaction and share its position.
CREATE TABLE ledger.transfer (
  journal_id        integer NOT NULL,
  leg               smallint NOT NULL,
  lateness          smallint NOT NULL,
  position          bigint NOT NULL,
  debit_account_id  bigint NOT NULL,
  debit_sequence    bigint NOT NULL,
  credit_account_id bigint NOT NULL,
  credit_sequence   bigint NOT NULL,
  debit_balance     numeric(38, 8) NOT NULL,
  credit_balance    numeric(38, 8) NOT NULL,
  amount            numeric(38, 8) NOT NULL CHECK (amount > 0),
  PRIMARY KEY (journal_id, position, leg),
  CHECK (debit_account_id <> credit_account_id)
) PARTITION BY RANGE (journal_id, position);

DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['event', 'transfer'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.%I FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only_truncate', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY everything ON ledger.%I TO ledger_owner, wealthgraph_engine USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY tenant ON ledger.%I FOR SELECT TO wealthgraph_api '
                   'USING (journal_id = ANY (ARRAY(SELECT id FROM ledger.journal)))', name);
    EXECUTE format('GRANT SELECT ON ledger.%I TO wealthgraph_engine, wealthgraph_api', name);
  END LOOP;
END $$;

-- Room for the next positions of a journal: a partition of events and one of transfers. Made beside the tables and then
-- attached, which holds up nobody who reads or writes. Answers the last position there is room for now.
CREATE FUNCTION ledger.add_partition(p_journal integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  after bigint; size bigint; name text; made text;
BEGIN
  SELECT h.room, j.partition_size INTO after, size FROM journal_head h JOIN journal j ON j.id = h.journal_id
  WHERE h.journal_id = p_journal FOR UPDATE OF h;
  FOREACH name IN ARRAY ARRAY['event', 'transfer'] LOOP
    made := format('%s_%s_%s', name, p_journal, after);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', made, name);
    -- Without a policy: it is read through the table that it is a part of, and not by itself.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', made);
    IF name = 'event' THEN
      EXECUTE format('CREATE UNIQUE INDEX ON %I (book_id, sequence)', made);
      EXECUTE format('CREATE INDEX ON %I (position) WHERE lateness > 0', made);
      EXECUTE format('CREATE INDEX ON %I (position) WHERE lateness = 2', made);
    ELSE
      EXECUTE format('CREATE INDEX ON %I (debit_account_id, position)', made);
      EXECUTE format('CREATE INDEX ON %I (credit_account_id, position)', made);
      EXECUTE format('CREATE INDEX ON %I (debit_account_id, position) WHERE lateness = 2', made);
      EXECUTE format('CREATE INDEX ON %I (credit_account_id, position) WHERE lateness = 2', made);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s, %s) TO (%s, %s)',
                   name, made, p_journal, after + 1, p_journal, after + size + 1);
    -- Triggers on rows come with the table that it is now a part of, those on statements do not.
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', made);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only_truncate', made);
  END LOOP;
  UPDATE journal_head SET room = after + size WHERE journal_id = p_journal;
  RETURN after + size;
END $$;

DO $$ DECLARE j record; BEGIN
  FOR j IN SELECT * FROM ledger.journal_head LOOP
    WHILE (SELECT room < position FROM ledger.journal_head WHERE journal_id = j.journal_id) LOOP
      PERFORM ledger.add_partition(j.journal_id);
    END LOOP;
  END LOOP;
END $$;
CREATE TEMP TABLE clocks ON COMMIT DROP AS
  SELECT journal_id, position, max(recorded_at) OVER log AS recorded_at, max(effective_at) OVER log AS latest,
         CASE WHEN effective_at >= max(effective_at) OVER log THEN 0
              WHEN effective_at >= max(effective_at) OVER log - interval '1 minute' THEN 1 ELSE 2 END AS lateness
  FROM ledger.event_before WINDOW log AS (PARTITION BY journal_id ORDER BY position);
INSERT INTO ledger.event
SELECT e.journal_id, e.version, c.lateness, e.position, e.book_id, e.sequence, c.recorded_at, e.effective_at, c.latest, e.cause,
       e.correlation, e.type, e.actor, e.data
FROM ledger.event_before e JOIN clocks c USING (journal_id, position) ORDER BY 1, 4;
INSERT INTO ledger.transfer
SELECT t.journal_id, t.leg, c.lateness, t.position, t.debit_account_id, t.debit_sequence, t.credit_account_id,
       t.credit_sequence, t.debit_balance, t.credit_balance, t.amount
FROM ledger.transfer_before t JOIN clocks c USING (journal_id, position) ORDER BY 1, 4, 2;
UPDATE ledger.journal_head h SET recorded_at = c.recorded_at, effective_at = c.latest
FROM clocks c WHERE c.journal_id = h.journal_id AND c.position = h.position;
DROP TABLE ledger.event_before, ledger.transfer_before, clocks;

-- What an account stood at, told by the log: written by the auditor when it has checked the log up to there, each 1,000
-- entries of an account, and for every account where the log before is archived.
CREATE TABLE ledger.snapshot (
  journal_id integer NOT NULL,
  account_id bigint NOT NULL,
  position   bigint NOT NULL,
  sequence   bigint NOT NULL,
  balance    numeric(38, 8) NOT NULL,
  PRIMARY KEY (account_id, position)
);
CREATE INDEX snapshot_position ON ledger.snapshot (journal_id, position);
-- Those that no audit wrote: an archive did, or nobody may have.
CREATE INDEX snapshot_odd ON ledger.snapshot (journal_id, position) WHERE sequence % 1000 <> 0;

-- How far the auditor has come: up to here the log was added up again, and all of it agreed.
CREATE TABLE ledger.audit (
  journal_id   integer PRIMARY KEY REFERENCES ledger.journal,
  proven       bigint NOT NULL DEFAULT 0,
  proven_at    timestamptz,
  disagreement text
);
DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['snapshot', 'audit'] LOOP
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY everything ON ledger.%I TO ledger_owner, wealthgraph_engine USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY tenant ON ledger.%I FOR SELECT TO wealthgraph_api '
                   'USING (journal_id = ANY (ARRAY(SELECT id FROM ledger.journal)))', name);
    EXECUTE format('GRANT SELECT ON ledger.%I TO wealthgraph_engine, wealthgraph_api', name);
  END LOOP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.snapshot FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger.snapshot FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.snapshot ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ledger.snapshot ENABLE ALWAYS TRIGGER append_only_truncate;

-- The auditor has checked the positions after `p_from` up to `p_to`. False, and nothing is written, when another has
-- been there meanwhile.
CREATE FUNCTION ledger.record_audit(p_journal integer, p_from bigint, p_to bigint, p_at timestamptz, p_disagreement text,
  p_accounts bigint[], p_positions bigint[], p_sequences bigint[], p_balances numeric[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE audit SET proven = p_to, proven_at = p_at, disagreement = p_disagreement
  WHERE journal_id = p_journal AND proven = p_from AND p_to >= p_from AND disagreement IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO snapshot SELECT p_journal, u.* FROM unnest(p_accounts, p_positions, p_sequences, p_balances) AS u
  ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- Let the auditor begin again where the log begins.
CREATE FUNCTION ledger.restart_audit(p_journal integer, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  UPDATE audit SET proven = archived, proven_at = p_at, disagreement = NULL
  FROM journal_head h WHERE h.journal_id = p_journal AND audit.journal_id = p_journal
$$;

INSERT INTO ledger.audit (journal_id) SELECT id FROM ledger.journal;
CREATE OR REPLACE FUNCTION ledger.open_journal(p_tenant uuid, p_name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE made integer;
BEGIN
  INSERT INTO journal (tenant_id, name) VALUES (p_tenant, p_name) RETURNING id INTO made;
  INSERT INTO journal_head (journal_id) VALUES (made);
  INSERT INTO audit (journal_id) VALUES (made);
  INSERT INTO book (journal_id, kind, reference) VALUES (made, 'house', gen_random_uuid()), (made, 'outside', gen_random_uuid());
  RETURN made;
END $$;

-- The last position that was recorded at that time or before. Planned once, as are the next ones: planning them anew for
-- each call, over all partitions, cost three times as much as the search.
CREATE FUNCTION ledger.position_at(p_journal integer, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE low bigint; high bigint; middle bigint; found timestamptz; begins timestamptz;
BEGIN
  SELECT archived, position, archived_recorded_at INTO low, high, begins FROM journal_head WHERE journal_id = p_journal;
  IF low > 0 AND p_at < begins THEN
    RAISE EXCEPTION 'what was recorded by % is archived: the log of journal % begins at %', p_at, p_journal, begins;
  END IF;
  WHILE low < high LOOP
    middle := (low + high + 1) / 2;
    SELECT recorded_at INTO found FROM event WHERE journal_id = p_journal AND position = middle;
    IF found <= p_at THEN low := middle; ELSE high := middle - 1; END IF;
  END LOOP;
  RETURN low;
END $$;

-- The last position up to which everything had taken effect by that time; what took effect by then and stands after it
-- came late.
CREATE FUNCTION ledger.effective_position_at(p_journal integer, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE low bigint; high bigint; middle bigint; found timestamptz; begins timestamptz;
BEGIN
  SELECT archived, position, archived_effective_at INTO low, high, begins FROM journal_head WHERE journal_id = p_journal;
  IF low > 0 AND p_at < begins THEN
    RAISE EXCEPTION 'what had taken effect by % is archived: the log of journal % begins at %', p_at, p_journal, begins;
  END IF;
  WHILE low < high LOOP
    middle := (low + high + 1) / 2;
    SELECT latest_effective_at INTO found FROM event WHERE journal_id = p_journal AND position = middle;
    IF found <= p_at THEN low := middle; ELSE high := middle - 1; END IF;
  END LOOP;
  RETURN low;
END $$;

-- What each account stood at right after a position: what its newest entry or snapshot says. Searched for by account and
-- position together, as the index has them: "account = … ORDER BY position" would also be answered from the primary key,
-- and the planner takes that to be quick where an account is believed to be busy.
CREATE FUNCTION ledger.balances_at(p_journal integer, p_accounts bigint[], p_position bigint)
RETURNS TABLE (account_id bigint, sequence bigint, balance numeric)
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  IF p_position < (SELECT archived FROM journal_head WHERE journal_id = p_journal) THEN
    RAISE EXCEPTION 'position % of journal % is archived', p_position, p_journal;
  END IF;
  RETURN QUERY
  SELECT a.id, coalesce(newest.sequence, 0), coalesce(newest.balance, 0)
  FROM unnest(p_accounts) AS a(id) LEFT JOIN LATERAL (
    SELECT x.sequence, x.balance FROM (
      (SELECT t.debit_account_id AS id, t.debit_sequence AS sequence, t.debit_balance AS balance FROM transfer t
       WHERE t.journal_id = p_journal AND (t.debit_account_id, t.position) <= (a.id, p_position)
       ORDER BY t.debit_account_id DESC, t.position DESC, t.debit_sequence DESC LIMIT 1)
      UNION ALL
      (SELECT t.credit_account_id, t.credit_sequence, t.credit_balance FROM transfer t
       WHERE t.journal_id = p_journal AND (t.credit_account_id, t.position) <= (a.id, p_position)
       ORDER BY t.credit_account_id DESC, t.position DESC, t.credit_sequence DESC LIMIT 1)
      UNION ALL
      (SELECT s.account_id, s.sequence, s.balance FROM snapshot s
       WHERE (s.account_id, s.position) <= (a.id, p_position) ORDER BY s.account_id DESC, s.position DESC LIMIT 1)
    ) AS x WHERE x.id = a.id ORDER BY x.sequence DESC LIMIT 1) AS newest ON true;
END $$;

-- What each account stood at when everything that took effect by `p_at` counts, and nothing else; as far as it was
-- recorded up to position `p_known`.
CREATE FUNCTION ledger.effective_balances_at(p_journal integer, p_accounts bigint[], p_at timestamptz, p_known bigint)
RETURNS TABLE (account_id bigint, balance numeric)
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  place bigint := least(effective_position_at(p_journal, p_at), p_known);
  near  bigint := least(effective_position_at(p_journal, p_at + interval '1 minute'), p_known);
BEGIN
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

-- Whether its book is closed, so that posting need not look at the book of every account.
ALTER TABLE ledger.account ADD COLUMN closed boolean NOT NULL DEFAULT false;
UPDATE ledger.account SET closed = true FROM ledger.book WHERE book.id = account.book_id AND book.closed;
-- Who has, owes or ever had an asset, in the order of books, which is that in which many of them are dealt with.
CREATE INDEX account_holder ON ledger.account (journal_id, asset_id, book_id) WHERE kind IN (6, 7, 9);
CREATE OR REPLACE FUNCTION ledger.close_book(p_journal integer, p_book bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE book SET closed = true WHERE id = p_book AND journal_id = p_journal AND kind = 'customer' AND NOT closed
    AND NOT EXISTS (SELECT 1 FROM account a WHERE a.book_id = p_book AND a.balance <> 0);
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE account SET closed = true WHERE book_id = p_book;
  RETURN true;
END $$;

-- Open customers' books again: something has come out about them that can't be refused.
CREATE FUNCTION ledger.reopen_books(p_journal integer, p_books bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  WITH opened AS (
    UPDATE book SET closed = false WHERE id = ANY (p_books) AND journal_id = p_journal AND kind = 'customer' AND closed
    RETURNING id)
  UPDATE account SET closed = false FROM opened WHERE account.book_id = opened.id
$$;

DROP FUNCTION ledger.post;
-- Append events with their transfers, each event standing or falling by itself, in the order given.
--
-- Books and accounts are named once each, in p_books and p_accounts; events and legs say where they stand there (from 1).
-- Amounts are whole units of 1e-8. A leg with p_up_to takes what its debit account has, at most the amount, and hands
-- the rest on to the event's next leg ("from settled cash, then unsettled, then instant"); what the last leg can't
-- take stays untaken. Any other leg is taken whole, or the whole event is refused. p_effective may date an event back
-- (null: now, which is p_effective_at), never forward. What stands for all alike may be null as a whole: p_version (1),
-- p_cause, p_correlation, p_effective, p_data ({}) and p_up_to (false).
--
-- Answers arrays: per event its position and sequence (null when refused), the refusal (null, 'insufficient', 'closed'),
-- the account that refused, what was needed of it and how much of that it lacks (all null when nobody was refused); per
-- leg the units taken (null when all were).
--
-- Plans are made once; what makes a kept plan slow, joining arrays with arrays, is not done: arrays are read by place, and
-- tables are only ever reached by their keys, however small they were when the plan was made.
CREATE FUNCTION ledger.post(
  p_journal integer, p_recorded_at timestamptz, p_effective_at timestamptz, p_books bigint[], p_accounts bigint[],
  p_book integer[], p_type text[], p_version smallint[], p_actor text[], p_cause uuid[], p_correlation uuid[],
  p_effective timestamptz[], p_data text[],
  p_event integer[], p_debit integer[], p_credit integer[], p_amount bigint[], p_up_to boolean[],
  OUT positions bigint[], OUT sequences bigint[], OUT refusals text[], OUT refused_accounts bigint[],
  OUT needed bigint[], OUT shortages bigint[], OUT taken bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  unit  CONSTANT numeric := 0.00000001;
  units CONSTANT numeric := 100000000;    -- in one
  events integer := cardinality(p_book);
  legs   integer := cardinality(p_debit);
  head   journal_head;
  bal numeric[]; seq bigint[]; negative boolean[]; shut boolean[]; fresh boolean[];    -- of each account
  book_seq bigint[]; book_shut boolean[];
  debit_seq bigint[]; debit_bal numeric[]; credit_seq bigint[]; credit_bal numeric[]; moved numeric[];
  number integer[];    -- of each leg among those of its event that move something
  i integer := 1; b integer; d integer; c integer; first integer; count integer;
  amount numeric; carry numeric; available numeric; refused text; anybody boolean := false;
  today timestamptz; at timestamptz; effective timestamptz[]; latest timestamptz[]; lateness smallint[];
BEGIN
  SELECT * INTO head FROM journal_head WHERE journal_id = p_journal FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no journal %', p_journal; END IF;
  WHILE head.position + events > head.room LOOP
    head.room := add_partition(p_journal);
  END LOOP;
  IF (isfinite(p_recorded_at) AND isfinite(p_effective_at)) IS NOT TRUE THEN
    RAISE EXCEPTION 'the times % and % are none', p_recorded_at, p_effective_at;
  END IF;
  -- Neither clock runs backwards in a log, whatever the clocks of the processes say.
  head.recorded_at := greatest(head.recorded_at, p_recorded_at);
  today := greatest(head.effective_at, p_effective_at);

  -- What stands there twice would be moved from one and the same balance; what is not counted from 1, from another's.
  IF array_lower(p_accounts, 1) <> 1 OR array_lower(p_books, 1) <> 1 THEN
    RAISE EXCEPTION 'places of books and accounts must be counted from 1';
  ELSIF (SELECT count(DISTINCT id) FROM unnest(p_accounts) AS u(id)) <> cardinality(p_accounts)
    OR (SELECT count(DISTINCT id) FROM unnest(p_books) AS u(id)) <> cardinality(p_books) THEN
    RAISE EXCEPTION 'books and accounts must be named once each';
  END IF;
  SELECT array_agg(b.sequence ORDER BY u.place), array_agg(b.closed ORDER BY u.place) INTO book_seq, book_shut
  FROM unnest(p_books) WITH ORDINALITY AS u(id, place) LEFT JOIN book b ON b.id = u.id AND b.journal_id = p_journal;
  b := array_position(book_seq, NULL);
  IF b IS NOT NULL THEN RAISE EXCEPTION 'book % is not in journal %', p_books[b], p_journal; END IF;

  -- Balances are numeric: a bigint of 1e-8 ends at 92 billion, which one bank's deposits can pass.
  SELECT array_agg(coalesce(a.balance, 0) ORDER BY u.place), array_agg(coalesce(a.sequence, 0) ORDER BY u.place),
         array_agg(CASE WHEN a.journal_id = p_journal THEN a.may_be_negative END ORDER BY u.place), array_agg(a.closed ORDER BY u.place)
  INTO bal, seq, negative, shut FROM unnest(p_accounts) WITH ORDINALITY AS u(id, place) LEFT JOIN account a ON a.id = u.id;
  -- An account that nothing has moved yet may exist if it is of a book of this journal and of a kind that such books have.
  IF array_position(negative, NULL) IS NOT NULL THEN
    SELECT array_agg(coalesce(u.negative, k.may_be_negative) ORDER BY u.place), array_agg(coalesce(u.shut, b.closed) ORDER BY u.place),
           array_agg(u.negative IS NULL ORDER BY u.place) INTO negative, shut, fresh
    FROM unnest(p_accounts, negative, shut) WITH ORDINALITY AS u(id, negative, shut, place)
    LEFT JOIN book b ON u.negative IS NULL AND b.id = u.id >> 25 AND b.journal_id = p_journal
    LEFT JOIN account_kind k ON k.id = u.id & 31 AND k.book_kind = b.kind;
    d := array_position(negative, NULL);
    IF d IS NOT NULL THEN RAISE EXCEPTION 'account % is none of journal %', p_accounts[d], p_journal; END IF;
  END IF;

  positions := array_fill(NULL::bigint, ARRAY[events]); sequences := positions;
  lateness := array_fill(0::smallint, ARRAY[events]); effective := array_fill(today, ARRAY[events]); latest := effective;
  number := array_fill(0, ARRAY[legs]); debit_seq := array_fill(0::bigint, ARRAY[legs]); credit_seq := debit_seq;
  moved := array_fill(0::numeric, ARRAY[legs]); debit_bal := moved; credit_bal := moved;

  FOR e IN 1..events LOOP
    b := p_book[e]; first := i; count := 0; carry := 0;
    refused := CASE WHEN book_shut[b] THEN 'closed' END; d := NULL;
    WHILE p_event[i] = e LOOP    -- beyond the last leg it is null
      IF refused IS NULL THEN
        d := p_debit[i]; c := p_credit[i]; amount := p_amount[i] * unit + carry; carry := 0;
        IF (d = c OR p_amount[i] < 0 OR (p_accounts[d] # p_accounts[c]) >> 5 & 1048575 <> 0) IS NOT FALSE THEN
          RAISE EXCEPTION 'leg %: % units from account % to %: not a sum, or not two accounts of the same asset',
            i, p_amount[i], p_accounts[d], p_accounts[c];
        END IF;
        available := bal[d];
        IF shut[d] OR shut[c] THEN
          refused := 'closed'; d := CASE WHEN shut[d] THEN d ELSE c END;
        ELSIF available < amount AND NOT negative[d] THEN
          IF p_up_to[i] THEN
            carry := amount - available; amount := available;
          ELSE
            refused := 'insufficient';
          END IF;
        END IF;
        IF amount > 0 AND refused IS NULL THEN
          count := count + 1; number[i] := count; moved[i] := amount;
          bal[d] := available - amount; seq[d] := seq[d] + 1;
          bal[c] := bal[c] + amount; seq[c] := seq[c] + 1;
          debit_seq[i] := seq[d]; debit_bal[i] := bal[d]; credit_seq[i] := seq[c]; credit_bal[i] := bal[c];
        END IF;
      END IF;
      i := i + 1;
    END LOOP;
    IF refused IS NULL THEN
      at := p_effective[e];
      IF at IS NULL THEN
        head.effective_at := today;
      ELSIF at > today OR NOT isfinite(at) THEN
        RAISE EXCEPTION 'event %: it can not take effect at %, now it is only %', e, at, today;
      ELSE
        effective[e] := at;
        IF at < head.effective_at THEN
          lateness[e] := CASE WHEN at >= head.effective_at - interval '1 minute' THEN 1 ELSE 2 END;
        END IF;
        head.effective_at := greatest(head.effective_at, at); latest[e] := head.effective_at;
      END IF;
      head.position := head.position + 1; positions[e] := head.position;
      sequences[e] := book_seq[b] + 1; book_seq[b] := sequences[e];
    ELSE
      IF NOT anybody THEN
        anybody := true; refusals := array_fill(NULL::text, ARRAY[events]);
        refused_accounts := array_fill(NULL::bigint, ARRAY[events]); needed := refused_accounts; shortages := refused_accounts;
      END IF;
      refusals[e] := refused; refused_accounts[e] := p_accounts[d];
      IF refused = 'insufficient' THEN
        needed[e] := amount * units; shortages[e] := (amount - available) * units;
      END IF;
      FOR j IN REVERSE i - 1..first LOOP
        IF moved[j] > 0 THEN
          d := p_debit[j]; c := p_credit[j];
          bal[d] := bal[d] + moved[j]; seq[d] := seq[d] - 1;
          bal[c] := bal[c] - moved[j]; seq[c] := seq[c] - 1;
          moved[j] := 0;
        END IF;
      END LOOP;
    END IF;
  END LOOP;
  IF i <= legs THEN RAISE EXCEPTION 'leg %: legs must follow the order of their events', i; END IF;
  IF anybody OR p_up_to IS NOT NULL THEN
    taken := ARRAY(SELECT (m * units)::bigint FROM unnest(moved) AS m);
  END IF;

  INSERT INTO event (journal_id, version, lateness, position, book_id, sequence, recorded_at, effective_at, latest_effective_at,
                     cause, correlation, type, actor, data)
  SELECT p_journal, coalesce(p_version[e], 1), lateness[e], positions[e], p_books[p_book[e]], sequences[e], head.recorded_at,
         effective[e], latest[e], p_cause[e], p_correlation[e], p_type[e], p_actor[e], coalesce(p_data[e], '{}')::jsonb
  FROM generate_series(1, events) AS e WHERE positions[e] IS NOT NULL;

  INSERT INTO transfer (journal_id, leg, lateness, position, debit_account_id, debit_sequence, credit_account_id, credit_sequence,
                        debit_balance, credit_balance, amount)
  SELECT p_journal, number[l], lateness[p_event[l]], positions[p_event[l]], p_accounts[p_debit[l]], debit_seq[l],
         p_accounts[p_credit[l]], credit_seq[l], debit_bal[l], credit_bal[l], moved[l]
  FROM generate_series(1, legs) AS l WHERE moved[l] > 0;

  UPDATE account SET balance = bal[x], sequence = seq[x] FROM generate_series(1, cardinality(p_accounts)) AS x
  WHERE account.id = p_accounts[x] AND account.sequence <> seq[x];
  IF fresh IS NOT NULL THEN
    INSERT INTO account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
    SELECT p_accounts[x], p_journal, p_accounts[x] >> 25, ((p_accounts[x] >> 5) & 1048575)::integer, (p_accounts[x] & 31)::smallint,
           bal[x], seq[x], negative[x]
    FROM generate_series(1, cardinality(p_accounts)) AS x WHERE fresh[x] AND seq[x] > 0;
  END IF;
  UPDATE book SET sequence = book_seq[x] FROM generate_series(1, cardinality(p_books)) AS x
  WHERE book.id = p_books[x] AND book.sequence <> book_seq[x];
  UPDATE journal_head SET position = head.position, recorded_at = head.recorded_at, effective_at = head.effective_at
  WHERE journal_id = p_journal AND position <> head.position;
END $$;

-- Where the oldest partition of a journal ends; null when it has one only, which is still written to.
CREATE FUNCTION ledger.oldest_partition_ends(p_journal integer) RETURNS bigint
LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
  SELECT min(p.after) FROM journal_head h,
    LATERAL (SELECT split_part(c.relname, '_', 3)::bigint AS after FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'event'::regclass AND split_part(c.relname, '_', 2)::integer = p_journal) AS p
  WHERE h.journal_id = p_journal AND p.after > h.archived
$$;

-- Take the oldest partition of a journal, which ends at `p_to` and is proven, out of the log. What every account stood at
-- by then is kept as a snapshot. For the owner's hands only: see that it is archived first.
CREATE FUNCTION ledger.detach_oldest_partition(p_journal integer, p_to bigint) RETURNS void
LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE before bigint; name text;
BEGIN
  -- One at a time, and what is proven stays so: who comes second finds that another partition is the oldest by then.
  PERFORM FROM audit WHERE journal_id = p_journal FOR UPDATE;
  IF p_to IS DISTINCT FROM oldest_partition_ends(p_journal) THEN
    RAISE EXCEPTION 'the oldest partition of journal % ends at %, not at %', p_journal, oldest_partition_ends(p_journal), p_to;
  ELSIF p_to > (SELECT proven FROM audit WHERE journal_id = p_journal) THEN
    RAISE EXCEPTION 'journal % is not proven up to %: wait for the auditor', p_journal, p_to;
  END IF;
  INSERT INTO snapshot
  SELECT p_journal, b.account_id, p_to, b.sequence, b.balance
  FROM balances_at(p_journal, ARRAY(SELECT id FROM account WHERE journal_id = p_journal), p_to) AS b WHERE b.sequence > 0
  ON CONFLICT DO NOTHING;
  -- The tables first, in the order in which everybody reads them; writers wait for the head no longer than that takes.
  LOCK TABLE event, transfer IN ACCESS EXCLUSIVE MODE;
  SELECT archived INTO before FROM journal_head WHERE journal_id = p_journal FOR UPDATE;
  UPDATE journal_head SET archived = p_to,
    archived_recorded_at = (SELECT e.recorded_at FROM event e WHERE e.journal_id = p_journal AND e.position = p_to),
    archived_effective_at = (SELECT e.latest_effective_at FROM event e WHERE e.journal_id = p_journal AND e.position = p_to)
  WHERE journal_id = p_journal;
  FOREACH name IN ARRAY ARRAY['event', 'transfer'] LOOP
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', name, format('%s_%s_%s', name, p_journal, before));
    -- The triggers on rows went with the table that it was a part of.
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()',
                   format('%s_%s_%s', name, p_journal, before));
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', format('%s_%s_%s', name, p_journal, before));
  END LOOP;
END $$;

-- What remains that the engine wrote by itself goes through functions too: it has no right to write any table here.
CREATE FUNCTION ledger.add_assets(p_ids integer[], p_codes text[], p_kind text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO asset SELECT id, code, p_kind FROM unnest(p_ids, p_codes) AS u(id, code) ON CONFLICT DO NOTHING
$$;
CREATE FUNCTION ledger.keep_answers(p_journal integer, p_callers text[], p_keys uuid[], p_hashes bytea[], p_answers text[],
  p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO idempotency SELECT p_journal, caller, key, hash, answer, p_at
  FROM unnest(p_callers, p_keys, p_hashes, p_answers) AS u(caller, key, hash, answer)
$$;
REVOKE INSERT ON ledger.asset, ledger.idempotency FROM wealthgraph_engine;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.post, ledger.record_audit, ledger.restart_audit, ledger.add_assets, ledger.keep_answers,
  ledger.reopen_books TO wealthgraph_engine;
GRANT EXECUTE ON FUNCTION ledger.position_at, ledger.effective_position_at, ledger.balances_at, ledger.effective_balances_at
  TO wealthgraph_engine, wealthgraph_api;
RESET ROLE;
