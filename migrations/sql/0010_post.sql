-- ledger.post with plans that are made once: planning its statements again for every call cost more than a small call's
-- work. What made a kept plan slow, joining arrays with arrays, is gone: where a leg's accounts stand is found by
-- bisection, and tables are only ever reached by their keys, however small they were when the plan was made.
SET ROLE ledger_owner;

CREATE OR REPLACE FUNCTION ledger.post(
  p_journal integer, p_recorded_at timestamptz,
  p_book bigint[], p_type text[], p_version smallint[], p_actor text[], p_cause uuid[], p_correlation uuid[],
  p_effective_at timestamptz[], p_data text[],
  p_event integer[], p_debit bigint[], p_credit bigint[], p_amount bigint[], p_up_to boolean[],
  OUT positions bigint[], OUT sequences bigint[], OUT refusals text[], OUT refused_accounts bigint[],
  OUT shortages bigint[], OUT taken bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  events integer := cardinality(p_book);
  legs   integer := cardinality(p_debit);
  head   bigint;
  ids bigint[]; bal numeric[]; seq bigint[]; negative boolean[]; shut boolean[]; fresh boolean[];
  debit_at integer[]; credit_at integer[];          -- where in ids each leg's accounts stand
  debit_seq bigint[]; debit_bal numeric[]; credit_seq bigint[]; credit_bal numeric[];
  book_ids bigint[]; book_seq bigint[]; book_at integer[]; book_shut boolean[];
  i integer := 1; e integer; first integer; d integer; c integer;
  carry bigint; amount bigint; moved integer; number integer[];   -- of each leg among those of its event that move something
BEGIN
  SELECT position INTO head FROM journal_head WHERE journal_id = p_journal FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no journal %', p_journal; END IF;

  -- Every account named that may exist: of a book of this journal and of a kind that such a book has. Balances as
  -- numeric units: a bigint of 1e-8 ends at 92 billion, which one bank's deposits can pass. width_bucket finds where
  -- in the sorted ids a leg's accounts would stand (by bisection; an array in a row is not copied for each call).
  WITH found AS MATERIALIZED (
    SELECT array_agg(x.id ORDER BY x.id) AS ids, array_agg(trunc(coalesce(a.balance, 0) * 100000000) ORDER BY x.id) AS bal,
           array_agg(coalesce(a.sequence, 0) ORDER BY x.id) AS seq, array_agg(k.may_be_negative ORDER BY x.id) AS negative,
           array_agg(b.closed ORDER BY x.id) AS shut, array_agg(a.id IS NULL ORDER BY x.id) AS fresh
    FROM (SELECT DISTINCT id FROM unnest(p_debit || p_credit) AS u(id)) AS x
    JOIN book b ON b.id = x.id >> 25 AND b.journal_id = p_journal
    JOIN account_kind k ON k.id = x.id & 31 AND k.book_kind = b.kind
    LEFT JOIN account a ON a.id = x.id),
  places AS (
    SELECT array_agg(width_bucket(u.debit, f.ids) ORDER BY o) AS debit_at, array_agg(width_bucket(u.credit, f.ids) ORDER BY o) AS credit_at
    FROM found f, unnest(p_debit, p_credit) WITH ORDINALITY AS u(debit, credit, o))
  SELECT f.ids, f.bal, f.seq, f.negative, f.shut, f.fresh, p.debit_at, p.credit_at
  INTO ids, bal, seq, negative, shut, fresh, debit_at, credit_at FROM found f, places p;

  WITH found AS MATERIALIZED (
    SELECT array_agg(b.id ORDER BY b.id) AS ids, array_agg(b.sequence ORDER BY b.id) AS seq, array_agg(b.closed ORDER BY b.id) AS shut
    FROM book b WHERE b.id = ANY (p_book) AND b.journal_id = p_journal),
  places AS (
    SELECT array_agg(width_bucket(u.book, f.ids) ORDER BY o) AS at FROM found f, unnest(p_book) WITH ORDINALITY AS u(book, o))
  SELECT f.ids, f.seq, f.shut, p.at INTO book_ids, book_seq, book_shut, book_at FROM found f, places p;

  positions := array_fill(NULL::bigint, ARRAY[events]); sequences := positions; refused_accounts := positions; shortages := positions;
  refusals := array_fill(NULL::text, ARRAY[events]);
  taken := array_fill(0::bigint, ARRAY[legs]); number := array_fill(0, ARRAY[legs]); debit_seq := taken; credit_seq := taken;
  debit_bal := array_fill(0::numeric, ARRAY[legs]); credit_bal := debit_bal;

  FOR e IN 1..events LOOP
    IF book_ids[book_at[e]] IS DISTINCT FROM p_book[e] THEN RAISE EXCEPTION 'event %: book % is not in journal %', e, p_book[e], p_journal; END IF;
    IF book_shut[book_at[e]] THEN refusals[e] := 'closed'; END IF;
    first := i; carry := 0; moved := 0;
    WHILE i <= legs AND p_event[i] = e LOOP
      d := debit_at[i]; c := credit_at[i]; amount := p_amount[i] + carry; carry := 0;
      IF ids[d] IS DISTINCT FROM p_debit[i] OR ids[c] IS DISTINCT FROM p_credit[i] OR d = c THEN
        RAISE EXCEPTION 'leg %: accounts % and % are not two accounts of journal %', i, p_debit[i], p_credit[i], p_journal;
      ELSIF (ids[d] >> 5) & 1048575 <> (ids[c] >> 5) & 1048575 THEN
        RAISE EXCEPTION 'leg %: accounts % and % are of different assets', i, ids[d], ids[c];
      ELSIF p_amount[i] < 0 THEN
        RAISE EXCEPTION 'leg %: the amount % is negative', i, p_amount[i];
      END IF;
      IF refusals[e] IS NULL AND (shut[d] OR shut[c]) THEN
        refusals[e] := 'closed'; refused_accounts[e] := CASE WHEN shut[d] THEN ids[d] ELSE ids[c] END;
      END IF;
      IF refusals[e] IS NULL THEN
        IF p_up_to[i] AND NOT negative[d] AND bal[d] < amount THEN
          carry := amount - bal[d]; amount := bal[d];
        ELSIF NOT negative[d] AND bal[d] < amount THEN
          refusals[e] := 'insufficient'; refused_accounts[e] := ids[d]; shortages[e] := amount - bal[d];
        END IF;
      END IF;
      IF refusals[e] IS NULL AND amount > 0 THEN
        bal[d] := bal[d] - amount; seq[d] := seq[d] + 1;
        bal[c] := bal[c] + amount; seq[c] := seq[c] + 1;
        taken[i] := amount; moved := moved + 1; number[i] := moved;
        debit_seq[i] := seq[d]; debit_bal[i] := bal[d]; credit_seq[i] := seq[c]; credit_bal[i] := bal[c];
      END IF;
      i := i + 1;
    END LOOP;
    IF refusals[e] IS NULL THEN
      head := head + 1; positions[e] := head;
      book_seq[book_at[e]] := book_seq[book_at[e]] + 1; sequences[e] := book_seq[book_at[e]];
    ELSE
      FOR j IN REVERSE i - 1..first LOOP
        IF taken[j] > 0 THEN
          d := debit_at[j]; c := credit_at[j];
          bal[d] := bal[d] + taken[j]; seq[d] := seq[d] - 1;
          bal[c] := bal[c] - taken[j]; seq[c] := seq[c] - 1;
          taken[j] := 0;
        END IF;
      END LOOP;
    END IF;
  END LOOP;
  IF i <= legs THEN RAISE EXCEPTION 'leg %: legs must follow the order of their events', i; END IF;

  INSERT INTO event
  SELECT p_journal, pos, book, sequence, type, version, actor, cause, correlation, p_recorded_at, effective_at, data::jsonb
  FROM unnest(positions, p_book, sequences, p_type, p_version, p_actor, p_cause, p_correlation, p_effective_at, p_data)
    AS u(pos, book, sequence, type, version, actor, cause, correlation, effective_at, data)
  WHERE pos IS NOT NULL;

  INSERT INTO transfer
  SELECT p_journal, positions[ev], leg, debit, ds, db * 0.00000001::numeric, credit, cs, cb * 0.00000001::numeric, units * 0.00000001::numeric
  FROM unnest(p_event, number, p_debit, debit_seq, debit_bal, p_credit, credit_seq, credit_bal, taken)
    AS u(ev, leg, debit, ds, db, credit, cs, cb, units)
  WHERE units > 0;

  UPDATE account SET balance = x.bal * 0.00000001::numeric, sequence = x.seq
  FROM unnest(ids, bal, seq, fresh) AS x(id, bal, seq, fresh)
  WHERE account.id = x.id AND account.sequence <> x.seq AND NOT x.fresh;
  INSERT INTO account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
  SELECT x.id, p_journal, x.id >> 25, ((x.id >> 5) & 1048575)::integer, (x.id & 31)::smallint,
         x.bal * 0.00000001::numeric, x.seq, x.negative
  FROM unnest(ids, bal, seq, negative, fresh) AS x(id, bal, seq, negative, fresh) WHERE x.fresh AND x.seq > 0;
  UPDATE book SET sequence = x.seq FROM unnest(book_ids, book_seq) AS x(id, seq) WHERE book.id = x.id AND book.sequence <> x.seq;
  UPDATE journal_head SET position = head WHERE journal_id = p_journal AND position <> head;
END $$;
RESET ROLE;
