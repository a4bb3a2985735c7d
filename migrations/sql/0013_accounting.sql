-- The firm's books: daily closes, journals that operators write, and what the custodian and the bank say.

-- What the books said at the end of a business date. Never changed: what comes in later for that day is shown beside it.
CREATE TABLE daily_close (
  id            uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenant,
  journal_id    integer NOT NULL,
  business_date date NOT NULL,
  ends_at       timestamptz NOT NULL,
  position      bigint NOT NULL CHECK (position >= 0),
  hash          text NOT NULL,
  totals        jsonb NOT NULL,
  custody       jsonb NOT NULL,
  balanced      boolean NOT NULL,
  closed_by     text NOT NULL,
  closed_at     timestamptz NOT NULL,
  UNIQUE (journal_id, business_date)
);
COMMENT ON COLUMN daily_close.ends_at IS 'the first moment, on the market''s clock, that is not of this date any more';
COMMENT ON COLUMN daily_close.position IS 'the last entry of the journal that it covers';
COMMENT ON COLUMN daily_close.hash IS 'SHA-256 of the trial balance at that position';
COMMENT ON COLUMN daily_close.totals IS 'debits and credits of each asset';
COMMENT ON COLUMN daily_close.custody IS 'assets of which shares can''t be accounted for, and how many';
CALL isolate_by_tenant('daily_close');
REVOKE UPDATE ON daily_close FROM wealthgraph_engine;

-- One operator proposes, another decides; only then it is posted.
CREATE TABLE manual_journal (
  id            uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenant,
  journal_id    integer NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('ADJUSTMENT', 'FEE', 'INTEREST', 'TRANSFER', 'REVERSAL')),
  status        text NOT NULL CHECK (status IN ('PROPOSED', 'POSTED', 'REJECTED', 'WITHDRAWN', 'EXPIRED')),
  account_id    uuid REFERENCES account,
  book_id       bigint NOT NULL,
  to_account_id uuid REFERENCES account,
  to_book_id    bigint CHECK (to_book_id <> book_id),
  lines         jsonb NOT NULL,
  reverses      bigint,
  reason        text NOT NULL,
  effective_at  timestamptz,
  proposed_by   text NOT NULL,
  proposed_at   timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  decided_by    text,
  decided_at    timestamptz,
  decision      text,
  position      bigint,
  CHECK ((kind = 'REVERSAL') = (reverses IS NOT NULL)),
  CHECK ((kind = 'TRANSFER') = (to_account_id IS NOT NULL)),
  CHECK ((kind = 'TRANSFER') = (to_book_id IS NOT NULL)),
  CHECK ((status = 'PROPOSED') = (decided_at IS NULL)),
  CHECK ((status = 'POSTED') = (position IS NOT NULL)),
  CHECK (status <> 'POSTED' OR decided_by <> proposed_by)
) WITH (fillfactor = 80);
COMMENT ON COLUMN manual_journal.book_id IS 'whose stream tells of it: the customer''s whom it concerns, or else the house''s';
COMMENT ON COLUMN manual_journal.to_book_id IS 'the customer''s to whom a transfer goes';
COMMENT ON COLUMN manual_journal.effective_at IS 'when it takes effect, on the market''s clock; null: when it is posted';
COMMENT ON COLUMN manual_journal.reverses IS 'the position of the entry that it takes back';
COMMENT ON COLUMN manual_journal.decision IS 'what who decided had to say';
COMMENT ON COLUMN manual_journal.position IS 'the entry that it became; of a transfer the one in book_id''s stream';
-- An entry is reversed once, and one proposal to do so is open at a time.
CREATE UNIQUE INDEX manual_journal_reverses ON manual_journal (journal_id, reverses) WHERE status IN ('PROPOSED', 'POSTED');
CREATE INDEX manual_journal_recent ON manual_journal (tenant_id, id);
CREATE INDEX manual_journal_status ON manual_journal (tenant_id, status, id);
CREATE INDEX manual_journal_expiring ON manual_journal (journal_id, expires_at) WHERE status = 'PROPOSED';
CALL isolate_by_tenant('manual_journal');
REVOKE UPDATE ON manual_journal FROM wealthgraph_engine;
GRANT UPDATE (status, decided_by, decided_at, decision, position) ON manual_journal TO wealthgraph_engine;

-- One comparison with what the custodian and the bank say.
CREATE TABLE reconciliation (
  id            uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL REFERENCES tenant,
  journal_id    integer NOT NULL,
  business_date date,
  as_of         timestamptz NOT NULL,
  source        text NOT NULL,
  file_hash     text NOT NULL,
  accounts      text[] NOT NULL,
  compared      integer NOT NULL CHECK (compared >= 0),
  breaks        jsonb NOT NULL,
  run_by        text NOT NULL,
  run_at        timestamptz NOT NULL,
  UNIQUE (journal_id, business_date)
);
COMMENT ON COLUMN reconciliation.business_date IS 'of the daily run; null for one that an operator asked for';
COMMENT ON COLUMN reconciliation.as_of IS 'the moment, on the market''s clock, of which the file speaks';
COMMENT ON COLUMN reconciliation.accounts IS 'which accounts the file speaks for';
COMMENT ON COLUMN reconciliation.compared IS 'how many balances were compared';
COMMENT ON COLUMN reconciliation.breaks IS 'those that disagree: account, asset, ours and theirs';
CREATE INDEX reconciliation_recent ON reconciliation (tenant_id, id);
CALL isolate_by_tenant('reconciliation');
REVOKE UPDATE ON reconciliation FROM wealthgraph_engine;

-- The paper custodian's and the paper bank's own memory: another party's, so nothing of ours refers to it. Accounts
-- go by the numbers that we gave them.
CREATE TABLE paper.custody_account (
  account bigint PRIMARY KEY,
  heard   bigint NOT NULL
);
COMMENT ON COLUMN paper.custody_account.heard IS 'the last entry of our journal that it has been told of';
CREATE TABLE paper.custody_movement (
  account  bigint NOT NULL REFERENCES paper.custody_account,
  sequence bigint NOT NULL,
  amount   numeric(38, 8) NOT NULL,
  at       timestamptz NOT NULL,
  PRIMARY KEY (account, sequence)
);
GRANT SELECT, INSERT, UPDATE ON paper.custody_account TO wealthgraph_engine;
GRANT SELECT, INSERT ON paper.custody_movement TO wealthgraph_engine;
