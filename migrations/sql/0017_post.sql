-- Posting reads and writes accounts and books in one walk through their index each.
SET ROLE ledger_owner;

-- No foreign keys on what every transfer updates: they were looked at, and found unchanged, each time. An account only
-- ever comes about in ledger.post, which looks its book, asset and kind up itself; none of these is ever deleted.
ALTER TABLE ledger.account DROP CONSTRAINT account_book_id_fkey, DROP CONSTRAINT account_asset_id_fkey,
  DROP CONSTRAINT account_kind_fkey;

-- Whoever names something twice would have it moved from one and the same balance twice.
CREATE FUNCTION ledger.ascending(p_ids bigint[]) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF p_ids IS DISTINCT FROM ARRAY(SELECT DISTINCT id FROM unnest(p_ids) AS u(id) ORDER BY id) THEN
    RAISE EXCEPTION 'books and accounts must be named once each, ascending and counted from 1';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION ledger.lock_journal(p_journal integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE last bigint;
BEGIN
  SELECT position INTO last FROM journal_head WHERE journal_id = p_journal FOR UPDATE;
  RETURN last;
END $$;

-- Append events with their transfers, each event standing or falling by itself, in the order given.
--
-- Books and accounts are named once each, ascending, in p_books and p_accounts; events and legs say where they stand there
-- (from 1).
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
-- tables are only ever reached by their keys, however small they were when the plan was made. Rows that are there are read
-- and written in one walk through the index each, which is why ids must ascend: width_bucket tells the place of one.
-- Whose journal they are is not asked for in WHERE or ON: an index that begins with it would be preferred.
CREATE OR REPLACE FUNCTION ledger.post(
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
  empty CONSTANT jsonb := '{}';
  events integer := cardinality(p_book);
  legs   integer := cardinality(p_debit);
  head   journal_head;
  last   bigint; hitherto timestamptz;    -- the log's position, and its latest effective time, so far
  ids bigint[];
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

  SELECT coalesce(array_agg(CASE WHEN b.journal_id = p_journal THEN b.id END ORDER BY b.id), '{}'),
         array_agg(b.sequence ORDER BY b.id), array_agg(b.closed ORDER BY b.id)
  INTO ids, book_seq, book_shut FROM book b WHERE b.id = ANY (p_books);
  IF ids IS DISTINCT FROM p_books THEN
    PERFORM ascending(p_books);
    RAISE EXCEPTION 'book % is not in journal %', (SELECT min(id) FROM unnest(p_books) AS u(id) WHERE (id = ANY (ids)) IS NOT TRUE), p_journal;
  END IF;

  -- Balances are numeric: a bigint of 1e-8 ends at 92 billion, which one bank's deposits can pass.
  SELECT coalesce(array_agg(CASE WHEN a.journal_id = p_journal THEN a.id END ORDER BY a.id), '{}'),
         array_agg(a.balance ORDER BY a.id), array_agg(a.sequence ORDER BY a.id),
         array_agg(a.may_be_negative ORDER BY a.id), array_agg(a.closed ORDER BY a.id)
  INTO ids, bal, seq, negative, shut FROM account a WHERE a.id = ANY (p_accounts);
  -- An account that nothing has moved yet may exist if it is of a book of this journal and of a kind that such books have.
  IF ids IS DISTINCT FROM p_accounts THEN
    PERFORM ascending(p_accounts);
    SELECT array_agg(coalesce(a.balance, 0) ORDER BY u.place), array_agg(coalesce(a.sequence, 0) ORDER BY u.place),
           array_agg(CASE WHEN b.journal_id = p_journal THEN coalesce(a.may_be_negative, k.may_be_negative) END ORDER BY u.place),
           array_agg(coalesce(a.closed, b.closed) ORDER BY u.place), array_agg(a.id IS NULL ORDER BY u.place)
    INTO bal, seq, negative, shut, fresh FROM unnest(p_accounts) WITH ORDINALITY AS u(id, place)
    LEFT JOIN account a ON a.id = u.id
    LEFT JOIN asset s ON s.id = (u.id >> 5) & 1048575
    LEFT JOIN book b ON b.id = u.id >> 25
    LEFT JOIN account_kind k ON k.id = u.id & 31 AND k.book_kind = b.kind AND s.id IS NOT NULL;
    d := array_position(negative, NULL);
    IF d IS NOT NULL THEN RAISE EXCEPTION 'account % is none of journal %', p_accounts[d], p_journal; END IF;
  END IF;

  positions := array_fill(NULL::bigint, ARRAY[events]); sequences := positions;
  lateness := array_fill(0::smallint, ARRAY[events]); effective := array_fill(today, ARRAY[events]); latest := effective;
  number := array_fill(0, ARRAY[legs]); debit_seq := array_fill(0::bigint, ARRAY[legs]); credit_seq := debit_seq;
  moved := array_fill(0::numeric, ARRAY[legs]); debit_bal := moved; credit_bal := moved;

  last := head.position; hitherto := head.effective_at;
  FOR e IN 1..events LOOP
    b := p_book[e]; first := i; count := 0; carry := 0;
    refused := CASE WHEN book_shut[b] THEN 'closed' END; d := NULL;
    WHILE p_event[i] = e LOOP    -- beyond the last leg it is null
      IF refused IS NULL THEN
        d := p_debit[i]; c := p_credit[i]; amount := p_amount[i] * unit;
        IF carry > 0 THEN amount := amount + carry; carry := 0; END IF;
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
        hitherto := today;
      ELSIF at > today OR NOT isfinite(at) THEN
        RAISE EXCEPTION 'event %: it can not take effect at %, now it is only %', e, at, today;
      ELSE
        effective[e] := at;
        IF at < hitherto THEN
          lateness[e] := CASE WHEN at >= hitherto - interval '1 minute' THEN 1 ELSE 2 END;
        END IF;
        hitherto := greatest(hitherto, at); latest[e] := hitherto;
      END IF;
      last := last + 1; positions[e] := last;
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
         effective[e], latest[e], p_cause[e], p_correlation[e], p_type[e], p_actor[e], coalesce(p_data[e]::jsonb, empty)
  FROM generate_series(1, events) AS e WHERE positions[e] IS NOT NULL;

  INSERT INTO transfer (journal_id, leg, lateness, position, debit_account_id, debit_sequence, credit_account_id, credit_sequence,
                        debit_balance, credit_balance, amount)
  SELECT p_journal, number[l], lateness[p_event[l]], positions[p_event[l]], p_accounts[p_debit[l]], debit_seq[l],
         p_accounts[p_credit[l]], credit_seq[l], debit_bal[l], credit_bal[l], moved[l]
  FROM generate_series(1, legs) AS l WHERE moved[l] > 0;

  UPDATE account SET balance = bal[width_bucket(id, p_accounts)], sequence = seq[width_bucket(id, p_accounts)]
  WHERE id = ANY (p_accounts) AND sequence <> seq[width_bucket(id, p_accounts)];
  IF fresh IS NOT NULL THEN
    INSERT INTO account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
    SELECT p_accounts[x], p_journal, p_accounts[x] >> 25, ((p_accounts[x] >> 5) & 1048575)::integer, (p_accounts[x] & 31)::smallint,
           bal[x], seq[x], negative[x]
    FROM generate_series(1, cardinality(p_accounts)) AS x WHERE fresh[x] AND seq[x] > 0;
  END IF;
  UPDATE book SET sequence = book_seq[width_bucket(id, p_books)]
  WHERE id = ANY (p_books) AND sequence <> book_seq[width_bucket(id, p_books)];
  UPDATE journal_head SET position = last, recorded_at = head.recorded_at, effective_at = hitherto
  WHERE journal_id = p_journal AND position <> last;
END $$;

REVOKE ALL ON FUNCTION ledger.ascending FROM PUBLIC;
RESET ROLE;
