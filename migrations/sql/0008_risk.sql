-- Controls before the trade, what cash accounts did that they may not, and the cases that a person must decide.

-- A rule is never changed, only ended. No foreign key to the instrument: the market is a room of its own.
CREATE TABLE risk_rule (
  id              uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL REFERENCES tenant,
  kind            text NOT NULL CHECK (kind IN
                    ('KILL_SWITCH', 'HALTED', 'RESTRICTED', 'STALE_QUOTE', 'PRICE_COLLAR', 'MAX_ORDER_QUANTITY',
                     'MAX_ORDER_VALUE', 'ORDERS_PER_MINUTE', 'MAX_DAILY_VALUE', 'SETTLED_CASH_ONLY')),
  account_id      uuid REFERENCES account,
  instrument_id   integer,
  per_account     boolean NOT NULL CHECK (NOT per_account OR account_id IS NULL),
  value           numeric(38, 8) CHECK (value > 0),
  reason          text NOT NULL,
  effective_from  timestamptz NOT NULL,
  effective_until timestamptz CHECK (effective_until > effective_from),
  at_once         boolean NOT NULL,
  book_id         bigint NOT NULL,
  set_by          text NOT NULL,
  set_at          timestamptz NOT NULL,
  ended_by        text,
  ended_at        timestamptz,
  end_reason      text,
  CHECK (num_nonnulls(ended_by, ended_at, end_reason) IN (0, 3))
) WITH (fillfactor = 90);
COMMENT ON COLUMN risk_rule.at_once IS 'holds from its commit on, whatever another process''s clock says';
COMMENT ON COLUMN risk_rule.book_id IS 'whose stream tells of it: the account''s, or else the house''s';
CREATE INDEX risk_rule_standing ON risk_rule (tenant_id) WHERE ended_at IS NULL;
CREATE INDEX risk_rule_recent ON risk_rule (tenant_id, id);
CALL isolate_by_tenant('risk_rule');
REVOKE UPDATE ON risk_rule FROM wealthgraph_engine;
GRANT UPDATE (ended_by, ended_at, end_reason) ON risk_rule TO wealthgraph_engine;

-- Once per order that sold and lot that it sold from (a lot is named by the order that bought it). No foreign keys to
-- orders: they belong to a room above, which calls this one in the commit that writes them.
CREATE TABLE cash_violation (
  id           uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenant,
  account_id   uuid NOT NULL REFERENCES account,
  kind         text NOT NULL CHECK (kind IN ('GOOD_FAITH_VIOLATION', 'FREE_RIDING')),
  sold_by      uuid NOT NULL,
  bought_by    uuid NOT NULL,
  occurred_on  date NOT NULL,
  proceeds_due date,
  recorded_at  timestamptz NOT NULL,
  UNIQUE (sold_by, bought_by)
);
COMMENT ON COLUMN cash_violation.proceeds_due IS 'when the sales that paid for the purchase settle; null if no sale paid';
CREATE INDEX cash_violation_account ON cash_violation (account_id, occurred_on);
CALL isolate_by_tenant('cash_violation');
REVOKE UPDATE ON cash_violation FROM wealthgraph_engine;

-- Kinds and subjects are an open list: every room may bring its own.
CREATE TABLE ops_case (
  id           uuid PRIMARY KEY,
  tenant_id    uuid NOT NULL REFERENCES tenant,
  kind         text NOT NULL,
  subject_type text NOT NULL,
  subject_id   uuid NOT NULL,
  summary      text NOT NULL,
  detail       jsonb NOT NULL,
  status       text NOT NULL CHECK (status IN ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'DISMISSED')),
  owner_id     uuid,
  opened_at    timestamptz NOT NULL,
  closed_at    timestamptz,
  CHECK ((closed_at IS NULL) = (status IN ('OPEN', 'IN_PROGRESS')))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ops_case_open ON ops_case (tenant_id, kind, subject_type, subject_id) WHERE closed_at IS NULL;
CREATE INDEX ops_case_recent ON ops_case (tenant_id, id);
CREATE INDEX ops_case_status ON ops_case (tenant_id, status, id);
CALL isolate_by_tenant('ops_case');
REVOKE UPDATE ON ops_case FROM wealthgraph_engine;
GRANT UPDATE (status, owner_id, closed_at) ON ops_case TO wealthgraph_engine;

CREATE TABLE case_entry (
  id        uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  case_id   uuid NOT NULL REFERENCES ops_case,
  action    text NOT NULL CHECK (action IN ('OPENED', 'REPORTED_AGAIN', 'ASSIGNED', 'NOTED', 'RESOLVED', 'DISMISSED')),
  actor     text NOT NULL,
  note      text NOT NULL,
  owner_id  uuid,
  at        timestamptz NOT NULL
);
COMMENT ON COLUMN case_entry.owner_id IS 'to whom it was assigned, if that is what happened';
CREATE INDEX case_entry_case ON case_entry (case_id, id);
CALL isolate_by_tenant('case_entry');
REVOKE UPDATE ON case_entry FROM wealthgraph_engine;
