-- Corporate actions: splits, dividends and mergers, who is entitled to what, and what they do to lots and open trades.

CREATE TABLE corporate_action (
  id             uuid PRIMARY KEY,
  tenant_id      uuid NOT NULL REFERENCES tenant,
  journal_id     integer NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('SPLIT', 'REVERSE_SPLIT', 'DIVIDEND', 'MERGER')),
  instrument_id  integer NOT NULL,
  into_id        integer,
  status         text NOT NULL CHECK (status IN
                   ('ANNOUNCED', 'CLEARING', 'APPLYING', 'ACCRUING', 'ACCRUED', 'PAYING', 'COMPLETED', 'CANCELED')),
  new_shares     numeric(38, 8) CHECK (new_shares > 0),
  old_shares     numeric(38, 8) CHECK (old_shares > 0),
  cash_per_share numeric(38, 8) CHECK (cash_per_share > 0),
  fractions      text NOT NULL CHECK (fractions IN ('KEPT', 'CASH')),
  price          numeric(38, 8) CHECK (price > 0),
  ex_date        date NOT NULL,
  record_date    date NOT NULL,
  pay_date       date,
  begins_at      timestamptz NOT NULL,
  effective_at   timestamptz NOT NULL,
  halt_rule_id   uuid,
  stage          text CHECK (stage IN ('TRADES', 'HOLDERS', 'HOUSE')),
  begun_at       timestamptz,
  through        bigint NOT NULL DEFAULT 0,
  accounts       integer NOT NULL DEFAULT 0,
  shares_before  numeric(38, 8) NOT NULL DEFAULT 0,
  shares_after   numeric(38, 8) NOT NULL DEFAULT 0,
  cash           numeric(38, 8) NOT NULL DEFAULT 0,
  house_cash     numeric(38, 8) NOT NULL DEFAULT 0,
  reason         text NOT NULL,
  announced_by   text NOT NULL,
  announced_at   timestamptz NOT NULL,
  canceled_by    text,
  canceled_at    timestamptz,
  cancel_reason  text,
  completed_at   timestamptz,
  CHECK (num_nonnulls(canceled_by, canceled_at, cancel_reason) IN (0, 3)),
  CHECK ((kind = 'MERGER') = (into_id IS NOT NULL)),
  CHECK ((kind = 'DIVIDEND') = (pay_date IS NOT NULL)),
  CHECK (num_nonnulls(new_shares, old_shares) IN (0, 2))
) WITH (fillfactor = 80);
COMMENT ON COLUMN corporate_action.new_shares IS 'so many for each old_shares held';
COMMENT ON COLUMN corporate_action.price IS 'what a share is worth under the new terms: for fractions, and to divide basis';
COMMENT ON COLUMN corporate_action.begins_at IS 'market time: when trading is halted, or of a dividend the ex-date begins';
COMMENT ON COLUMN corporate_action.effective_at IS 'market time: the close of the session before the ex-date';
COMMENT ON COLUMN corporate_action.begun_at IS 'market time: when it was begun to be applied';
COMMENT ON COLUMN corporate_action.through IS 'the last book that was dealt with';
COMMENT ON COLUMN corporate_action.shares_before IS 'what the accounts dealt with so far had, and what they have after it';
CREATE UNIQUE INDEX corporate_action_once ON corporate_action (journal_id, instrument_id, ex_date) WHERE status <> 'CANCELED';
CREATE INDEX corporate_action_recent ON corporate_action (tenant_id, id);
CREATE INDEX corporate_action_open ON corporate_action (journal_id) WHERE status NOT IN ('COMPLETED', 'CANCELED');
CALL isolate_by_tenant('corporate_action');
REVOKE UPDATE ON corporate_action FROM wealthgraph_engine;
GRANT UPDATE (status, halt_rule_id, stage, begun_at, through, accounts, shares_before, shares_after, cash, house_cash,
              canceled_by, canceled_at, cancel_reason, completed_at) ON corporate_action TO wealthgraph_engine;

-- Who held (or owed: below zero) how much at the end of the day before the ex-date, and what is due for it.
CREATE TABLE dividend_entitlement (
  action_id uuid NOT NULL REFERENCES corporate_action,
  book_id   bigint NOT NULL,
  tenant_id uuid NOT NULL,
  quantity  numeric(38, 8) NOT NULL CHECK (quantity <> 0),
  amount    numeric(38, 8) NOT NULL CHECK (amount <> 0),
  paid_at   timestamptz,
  PRIMARY KEY (action_id, book_id)
) WITH (fillfactor = 80);
CREATE INDEX dividend_entitlement_unpaid ON dividend_entitlement (action_id, book_id) WHERE paid_at IS NULL;
CALL isolate_by_tenant('dividend_entitlement');
REVOKE UPDATE ON dividend_entitlement FROM wealthgraph_engine;
GRANT UPDATE (paid_at) ON dividend_entitlement TO wealthgraph_engine;

-- Since when the market quotes an instrument at other terms. Reference data: the same for every tenant.
CREATE TABLE public.instrument_split (
  instrument_id integer NOT NULL REFERENCES public.instrument,
  effective_at  timestamptz NOT NULL,
  new_shares    numeric(38, 8) NOT NULL CHECK (new_shares > 0),
  old_shares    numeric(38, 8) NOT NULL CHECK (old_shares > 0),
  PRIMARY KEY (instrument_id, effective_at)
);
GRANT SELECT ON public.instrument_split TO wealthgraph_api;
GRANT SELECT, INSERT, DELETE ON public.instrument_split TO wealthgraph_engine;

-- A lot may be closed by a corporate action instead of an order, and turn into a lot of another instrument.
ALTER TABLE lot_sale DROP CONSTRAINT lot_sale_pkey;
ALTER TABLE lot_sale
  ALTER order_id DROP NOT NULL,
  ADD action_id uuid,
  ADD CHECK (num_nonnulls(order_id, action_id) = 1);
COMMENT ON COLUMN lot_sale.action_id IS 'the corporate action that paid for it, where no order sold it';
CREATE UNIQUE INDEX lot_sale_order ON lot_sale (order_id, lot_id, sold_on);
CREATE UNIQUE INDEX lot_sale_action ON lot_sale (action_id, lot_id) WHERE action_id IS NOT NULL;
CREATE INDEX lot_sale_lot ON lot_sale (lot_id, sold_on);
ALTER TABLE lot ADD from_lot_id uuid REFERENCES lot;
COMMENT ON COLUMN lot.from_lot_id IS 'the lot of another instrument that a merger turned into this one';
DROP INDEX lot_order;
CREATE UNIQUE INDEX lot_order ON lot (order_id, opened_on, instrument_id);
CREATE INDEX lot_holders ON lot (tenant_id, instrument_id, book_id);

ALTER TABLE trade_settlement ADD adjusted_by uuid;
COMMENT ON COLUMN trade_settlement.adjusted_by IS 'the last corporate action that changed the quantity that is due';
CREATE INDEX trade_settlement_open ON trade_settlement (journal_id, instrument_id) WHERE settled_at IS NULL;

-- What was dealt before is in other terms than what is dealt since: a venue that takes some of it back later means those.
CREATE TABLE terms_change (
  journal_id    integer NOT NULL,
  instrument_id integer NOT NULL,
  changed_at    timestamptz NOT NULL,
  tenant_id     uuid NOT NULL REFERENCES tenant,
  action_id     uuid NOT NULL,
  PRIMARY KEY (journal_id, instrument_id, changed_at)
);
CALL isolate_by_tenant('terms_change');
REVOKE UPDATE ON terms_change FROM wealthgraph_engine;
