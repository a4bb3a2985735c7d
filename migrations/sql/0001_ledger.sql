-- The journal: books, ledger accounts, events and transfers, and the one function that writes them.

DO $$ DECLARE role text; BEGIN
  FOREACH role IN ARRAY ARRAY['ledger_owner', 'wealthgraph_engine', 'wealthgraph_api'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
    EXECUTE format('GRANT %I TO CURRENT_USER', role);
  END LOOP;
END $$;

CREATE TABLE public.tenant (
  id         uuid PRIMARY KEY,
  name       text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL
);
ALTER TABLE public.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON public.tenant TO wealthgraph_engine, ledger_owner, CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON public.tenant FOR SELECT TO wealthgraph_api
  USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
GRANT SELECT ON public.tenant TO wealthgraph_api;
GRANT SELECT, INSERT ON public.tenant TO wealthgraph_engine;
GRANT REFERENCES, SELECT ON public.tenant TO ledger_owner;

-- Every table with a tenant_id goes through here: row-level security that binds the owner too, the engine sees all,
-- the API reads the tenant that its transaction names.
CREATE PROCEDURE public.isolate_by_tenant(p_table regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format('CREATE POLICY everything ON %s TO wealthgraph_engine USING (true) WITH CHECK (true)', p_table);
  EXECUTE format('CREATE POLICY tenant ON %s FOR SELECT TO wealthgraph_api '
                 'USING (tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', p_table);
  EXECUTE format('GRANT SELECT ON %s TO wealthgraph_api', p_table);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO wealthgraph_engine', p_table);
END $$;
REVOKE ALL ON PROCEDURE public.isolate_by_tenant FROM PUBLIC;

CREATE SCHEMA ledger AUTHORIZATION ledger_owner;
SET ROLE ledger_owner;

-- What a ledger account may be, and whether it may go below zero. app/ledger/chart.py carries the same list.
CREATE TABLE ledger.account_kind (
  id              smallint PRIMARY KEY CHECK (id BETWEEN 1 AND 31),
  code            text NOT NULL UNIQUE,
  book_kind       text NOT NULL,
  may_be_negative boolean NOT NULL
);
INSERT INTO ledger.account_kind VALUES
  (1, 'pending', 'customer', false), (2, 'instant', 'customer', false), (3, 'settled', 'customer', false),
  (4, 'unsettled', 'customer', false), (5, 'held', 'customer', false), (6, 'position', 'customer', false),
  (7, 'position_held', 'customer', false), (8, 'dividend_due', 'customer', false), (9, 'receivable', 'customer', true),
  (10, 'cash', 'house', true), (11, 'inventory', 'house', false), (12, 'fees', 'house', false),
  (13, 'promo', 'house', true), (14, 'rounding', 'house', true),
  (15, 'ach', 'outside', true), (16, 'fbo', 'outside', true), (17, 'firm_bank', 'outside', true),
  (18, 'street', 'outside', true), (19, 'custodian', 'outside', true), (20, 'dividend_receivable', 'outside', true),
  (21, 'corporate_action', 'outside', true), (22, 'market_order', 'market_order', true);

CREATE TABLE ledger.asset (
  id   integer PRIMARY KEY CHECK (id BETWEEN 1 AND 1048575),
  code text NOT NULL UNIQUE,
  kind text NOT NULL
);
INSERT INTO ledger.asset VALUES (1, 'USD', 'currency');

CREATE TABLE ledger.journal (
  id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES public.tenant,
  name      text NOT NULL,
  UNIQUE (tenant_id, name)
);

-- One row per journal, updated once per batch: it is the lock, the gapless position and the total order in one.
CREATE TABLE ledger.journal_head (
  journal_id integer PRIMARY KEY REFERENCES ledger.journal,
  position   bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- A book is whoever has accounts in the journal: a customer's account, the house, the outside world, a market order.
-- Its events form one stream with a gapless sequence.
CREATE TABLE ledger.book (
  id         bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 274877906943) PRIMARY KEY,
  journal_id integer NOT NULL REFERENCES ledger.journal,
  kind       text NOT NULL CHECK (kind IN ('customer', 'house', 'outside', 'market_order')),
  reference  uuid NOT NULL UNIQUE,
  sequence   bigint NOT NULL DEFAULT 0,
  closed     boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX book_single ON ledger.book (journal_id, kind) WHERE kind IN ('house', 'outside');

-- The id is the address: book, asset and kind packed into 38 + 20 + 5 bits. Rows appear at their first transfer.
CREATE TABLE ledger.account (
  id         bigint PRIMARY KEY,
  journal_id integer NOT NULL,
  book_id    bigint NOT NULL REFERENCES ledger.book,
  asset_id   integer NOT NULL REFERENCES ledger.asset,
  kind       smallint NOT NULL REFERENCES ledger.account_kind,
  balance    numeric(38, 8) NOT NULL DEFAULT 0,
  sequence   bigint NOT NULL DEFAULT 0,
  may_be_negative boolean NOT NULL,
  CHECK (may_be_negative OR balance >= 0),
  CHECK (id = (book_id << 25) | (asset_id::bigint << 5) | kind)
) WITH (fillfactor = 50);
CREATE INDEX account_book ON ledger.account (book_id);
CREATE INDEX account_asset ON ledger.account (journal_id, asset_id, kind);
-- No balance in an index, nor in its condition: updates of balances stay heap-only.
CREATE INDEX account_unsettled ON ledger.account (journal_id, book_id) WHERE kind = 4;

CREATE TABLE ledger.event (
  journal_id   integer NOT NULL,
  position     bigint NOT NULL,
  book_id      bigint NOT NULL,
  sequence     bigint NOT NULL,
  type         text NOT NULL,
  version      smallint NOT NULL,
  actor        text NOT NULL,
  cause        uuid,
  correlation  uuid,
  recorded_at  timestamptz NOT NULL,
  effective_at timestamptz NOT NULL,
  data         jsonb NOT NULL,
  PRIMARY KEY (journal_id, position)
);
CREATE UNIQUE INDEX event_stream ON ledger.event (book_id, sequence);

-- One row is one balanced movement; the transfers of one event are one transaction and share its position.
CREATE TABLE ledger.transfer (
  journal_id        integer NOT NULL,
  position          bigint NOT NULL,
  leg               smallint NOT NULL,
  debit_account_id  bigint NOT NULL,
  debit_sequence    bigint NOT NULL,
  debit_balance     numeric(38, 8) NOT NULL,
  credit_account_id bigint NOT NULL,
  credit_sequence   bigint NOT NULL,
  credit_balance    numeric(38, 8) NOT NULL,
  amount            numeric(38, 8) NOT NULL CHECK (amount > 0),
  PRIMARY KEY (journal_id, position, leg),
  CHECK (debit_account_id <> credit_account_id)
);
CREATE UNIQUE INDEX transfer_debit ON ledger.transfer (debit_account_id, debit_sequence);
CREATE UNIQUE INDEX transfer_credit ON ledger.transfer (credit_account_id, credit_sequence);

-- What a caller's key was first used for, and the answer: written in the commit that did the work.
CREATE TABLE ledger.idempotency (
  journal_id   integer NOT NULL,
  caller       text NOT NULL,
  key          uuid NOT NULL,
  request_hash bytea NOT NULL,
  answer       text NOT NULL,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (journal_id, caller, key)
);

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger.% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['event', 'transfer'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.%I FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    -- ALWAYS: also under session_replication_role = replica
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only_truncate', name);
  END LOOP;
END $$;

CREATE FUNCTION ledger.open_journal(p_tenant uuid, p_name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE made integer;
BEGIN
  INSERT INTO journal (tenant_id, name) VALUES (p_tenant, p_name) RETURNING id INTO made;
  INSERT INTO journal_head (journal_id) VALUES (made);
  INSERT INTO book (journal_id, kind, reference) VALUES (made, 'house', gen_random_uuid()), (made, 'outside', gen_random_uuid());
  RETURN made;
END $$;

CREATE FUNCTION ledger.lock_journal(p_journal integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  SELECT position FROM journal_head WHERE journal_id = p_journal FOR UPDATE
$$;

CREATE FUNCTION ledger.open_books(p_journal integer, p_kind text, p_references uuid[]) RETURNS bigint[]
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  WITH made AS (
    INSERT INTO book (journal_id, kind, reference)
    SELECT p_journal, p_kind, r FROM unnest(p_references) WITH ORDINALITY AS u(r, o) ORDER BY o
    RETURNING id, reference)
  SELECT array_agg(made.id ORDER BY o) FROM made JOIN unnest(p_references) WITH ORDINALITY AS u(r, o) ON r = reference
$$;

CREATE FUNCTION ledger.close_book(p_journal integer, p_book bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  UPDATE book SET closed = true WHERE id = p_book AND journal_id = p_journal AND kind = 'customer' AND NOT closed
    AND NOT EXISTS (SELECT 1 FROM account a WHERE a.book_id = p_book AND a.balance <> 0)
  RETURNING true
$$;

-- Append events with their transfers, each event standing or falling by itself, in the order given.
--
-- Amounts are whole units of 1e-8. A leg with p_up_to takes what its debit account has, at most the amount, and hands
-- the rest on to the event's next leg ("from settled cash, then unsettled, then instant"); what the last leg can't
-- take stays untaken. Any other leg is taken whole, or the whole event is refused.
--
-- Answers arrays: per event its position and sequence (null when refused), the refusal (null, 'insufficient', 'closed'),
-- the account that refused and how much it lacks; per leg the units taken.
CREATE FUNCTION ledger.post(
  p_journal integer, p_recorded_at timestamptz,
  p_book bigint[], p_type text[], p_version smallint[], p_actor text[], p_cause uuid[], p_correlation uuid[],
  p_effective_at timestamptz[], p_data text[],
  p_event integer[], p_debit bigint[], p_credit bigint[], p_amount bigint[], p_up_to boolean[],
  OUT positions bigint[], OUT sequences bigint[], OUT refusals text[], OUT refused_accounts bigint[],
  OUT shortages bigint[], OUT taken bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  events integer := cardinality(p_book);
  legs   integer := cardinality(p_debit);
  head   bigint;
  ids bigint[]; bal numeric[]; seq bigint[]; negative boolean[]; shut boolean[]; fresh boolean[];
  debit_at integer[]; credit_at integer[];          -- where in ids each leg's accounts stand
  debit_seq bigint[]; debit_bal numeric[]; credit_seq bigint[]; credit_bal numeric[];
  book_ids bigint[]; book_seq bigint[]; book_at integer[]; book_shut boolean[];
  i integer := 1; e integer; first integer; d integer; c integer;
  carry bigint; amount bigint;
BEGIN
  SELECT position INTO head FROM journal_head WHERE journal_id = p_journal FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no journal %', p_journal; END IF;

  -- Every account named that may exist: of a book of this journal and of a kind that such a book has. Balances as
  -- numeric units: a bigint of 1e-8 ends at 92 billion, which one bank's deposits can pass.
  SELECT array_agg(x.id ORDER BY x.id), array_agg(trunc(coalesce(a.balance, 0) * 100000000) ORDER BY x.id),
         array_agg(coalesce(a.sequence, 0) ORDER BY x.id), array_agg(k.may_be_negative ORDER BY x.id),
         array_agg(b.closed ORDER BY x.id), array_agg(a.id IS NULL ORDER BY x.id)
  INTO ids, bal, seq, negative, shut, fresh
  FROM (SELECT DISTINCT id FROM unnest(p_debit || p_credit) AS u(id)) AS x
  JOIN book b ON b.id = x.id >> 25 AND b.journal_id = p_journal
  JOIN account_kind k ON k.id = x.id & 31 AND k.book_kind = b.kind
  LEFT JOIN account a ON a.id = x.id;

  SELECT array_agg(x.at ORDER BY o), array_agg(y.at ORDER BY o) INTO debit_at, credit_at
  FROM unnest(p_debit, p_credit) WITH ORDINALITY AS u(debit, credit, o)
  LEFT JOIN unnest(ids) WITH ORDINALITY AS x(id, at) ON x.id = u.debit
  LEFT JOIN unnest(ids) WITH ORDINALITY AS y(id, at) ON y.id = u.credit;

  SELECT array_agg(b.id ORDER BY b.id), array_agg(b.sequence ORDER BY b.id), array_agg(b.closed ORDER BY b.id)
  INTO book_ids, book_seq, book_shut
  FROM book b WHERE b.id = ANY (p_book) AND b.journal_id = p_journal;
  SELECT array_agg(x.at ORDER BY o) INTO book_at
  FROM unnest(p_book) WITH ORDINALITY AS u(book, o) LEFT JOIN unnest(book_ids) WITH ORDINALITY AS x(id, at) ON x.id = u.book;

  positions := array_fill(NULL::bigint, ARRAY[events]); sequences := positions; refused_accounts := positions; shortages := positions;
  refusals := array_fill(NULL::text, ARRAY[events]);
  taken := array_fill(0::bigint, ARRAY[legs]); debit_seq := taken; credit_seq := taken;
  debit_bal := array_fill(0::numeric, ARRAY[legs]); credit_bal := debit_bal;

  FOR e IN 1..events LOOP
    IF book_at[e] IS NULL THEN RAISE EXCEPTION 'event %: book % is not in journal %', e, p_book[e], p_journal; END IF;
    IF book_shut[book_at[e]] THEN refusals[e] := 'closed'; END IF;
    first := i; carry := 0;
    WHILE i <= legs AND p_event[i] = e LOOP
      d := debit_at[i]; c := credit_at[i]; amount := p_amount[i] + carry; carry := 0;
      IF d IS NULL OR c IS NULL OR d = c THEN
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
        taken[i] := amount;
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
  SELECT p_journal, positions[ev], row_number() OVER (PARTITION BY ev ORDER BY o),
         debit, ds, db * 0.00000001::numeric, credit, cs, cb * 0.00000001::numeric, units * 0.00000001::numeric
  FROM unnest(p_event, p_debit, debit_seq, debit_bal, p_credit, credit_seq, credit_bal, taken) WITH ORDINALITY
    AS u(ev, debit, ds, db, credit, cs, cb, units, o)
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

-- Who may do what. The engine reads all and writes only through the functions; the API reads its tenant.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO wealthgraph_engine, wealthgraph_api;
GRANT EXECUTE ON FUNCTION ledger.post, ledger.open_journal, ledger.lock_journal, ledger.open_books, ledger.close_book TO wealthgraph_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO wealthgraph_engine, wealthgraph_api;
GRANT INSERT ON ledger.asset TO wealthgraph_engine;
GRANT INSERT ON ledger.idempotency TO wealthgraph_engine;
REVOKE SELECT ON ledger.idempotency FROM wealthgraph_api;

ALTER TABLE ledger.journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.journal FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON ledger.journal TO ledger_owner, wealthgraph_engine USING (true) WITH CHECK (true);
CREATE POLICY tenant ON ledger.journal FOR SELECT TO wealthgraph_api
  USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['journal_head', 'book', 'account', 'event', 'transfer', 'idempotency'] LOOP
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY everything ON ledger.%I TO ledger_owner, wealthgraph_engine USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY tenant ON ledger.%I FOR SELECT TO wealthgraph_api '
                   'USING (journal_id = ANY (ARRAY(SELECT id FROM ledger.journal)))', name);
  END LOOP;
END $$;
RESET ROLE;
