-- Customer orders, the market orders they are dealt in, and what follows from their fills.

CREATE TABLE market_order (
  id                 uuid PRIMARY KEY,
  tenant_id          uuid NOT NULL REFERENCES tenant,
  journal_id         integer NOT NULL,
  book_id            bigint NOT NULL UNIQUE,
  instrument_id      integer NOT NULL,
  side               text NOT NULL CHECK (side IN ('BUY', 'SELL')),
  status             text NOT NULL CHECK (status IN ('CREATED', 'SENT', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED')),
  capacity           text NOT NULL CHECK (capacity IN ('AGENCY', 'MIXED', 'PRINCIPAL')),
  requested_quantity numeric(38, 8) NOT NULL CHECK (requested_quantity > 0),
  quantity           numeric(38, 8) NOT NULL CHECK (quantity >= 0),
  supplied           numeric(38, 8) NOT NULL CHECK (supplied >= 0),
  reference_price    numeric(38, 8) NOT NULL CHECK (reference_price > 0),
  filled_quantity    numeric(38, 8) NOT NULL DEFAULT 0,
  filled_amount      numeric(38, 8) NOT NULL DEFAULT 0,
  trade_date         date NOT NULL,
  settles_on         date NOT NULL,
  reason             text,
  created_at         timestamptz NOT NULL,
  ended_at           timestamptz,
  claimed_by         uuid NOT NULL,
  claimed_at         timestamptz NOT NULL
);
COMMENT ON COLUMN market_order.requested_quantity IS 'what the allocation statement adds up to';
COMMENT ON COLUMN market_order.quantity IS 'what is dealt with the venue: whole shares where it deals whole shares';
COMMENT ON COLUMN market_order.supplied IS 'what the house sets aside from its inventory';
CREATE INDEX market_order_open ON market_order (claimed_at) WHERE ended_at IS NULL;
CREATE INDEX market_order_recent ON market_order (journal_id, id);
CALL isolate_by_tenant('market_order');

CREATE TABLE customer_order (
  id               uuid PRIMARY KEY,
  tenant_id        uuid NOT NULL REFERENCES tenant,
  journal_id       integer NOT NULL,
  account_id       uuid NOT NULL REFERENCES account,
  book_id          bigint NOT NULL,
  instrument_id    integer NOT NULL,
  side             text NOT NULL CHECK (side IN ('BUY', 'SELL')),
  amount           numeric(38, 8) CHECK (amount > 0),
  quantity         numeric(38, 8) CHECK (quantity > 0),
  sell_all         boolean NOT NULL,
  status           text NOT NULL CHECK (status IN
                     ('ACCEPTED', 'NEW', 'PARTIALLY_FILLED', 'FILLED', 'PENDING_CANCEL', 'CANCELED', 'REJECTED')),
  reference_price  numeric(38, 8) NOT NULL CHECK (reference_price > 0),
  held             numeric(38, 8) NOT NULL CHECK (held >= 0),
  funded_settled   numeric(38, 8) NOT NULL,
  funded_unsettled numeric(38, 8) NOT NULL,
  funded_instant   numeric(38, 8) NOT NULL,
  filled_quantity  numeric(38, 8) NOT NULL DEFAULT 0,
  filled_amount    numeric(38, 8) NOT NULL DEFAULT 0,
  market_order_id  uuid REFERENCES market_order,
  reason           text,
  placed_at        timestamptz NOT NULL,
  ended_at         timestamptz,
  CHECK ((amount IS NULL) <> (quantity IS NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN customer_order.held IS 'what is still held for it: dollars behind a buy, shares behind a sell';
CREATE INDEX customer_order_account ON customer_order (account_id, id);
CREATE INDEX customer_order_waiting ON customer_order (journal_id, instrument_id, side, placed_at, id) WHERE status = 'ACCEPTED';
CALL isolate_by_tenant('customer_order');

-- The allocation statement: who takes part with what share, written before the order is sent.
CREATE TABLE allocation (
  market_order_id uuid NOT NULL REFERENCES market_order,
  order_id        uuid NOT NULL UNIQUE REFERENCES customer_order,
  tenant_id       uuid NOT NULL,
  quantity        numeric(38, 8) NOT NULL CHECK (quantity > 0),
  filled_quantity numeric(38, 8) NOT NULL DEFAULT 0,
  filled_amount   numeric(38, 8) NOT NULL DEFAULT 0,
  PRIMARY KEY (market_order_id, order_id)
) WITH (fillfactor = 70);
CALL isolate_by_tenant('allocation');

CREATE TABLE execution (
  id                 uuid PRIMARY KEY,
  tenant_id          uuid NOT NULL,
  market_order_id    uuid NOT NULL REFERENCES market_order,
  venue              text NOT NULL,
  trade_date         date NOT NULL,
  venue_execution_id text NOT NULL,
  quantity           numeric(38, 8) NOT NULL CHECK (quantity > 0),
  price              numeric(38, 8) NOT NULL CHECK (price > 0),
  executed_at        timestamptz NOT NULL,
  recorded_at        timestamptz NOT NULL,
  UNIQUE (venue, trade_date, venue_execution_id)
);
CREATE INDEX execution_market_order ON execution (market_order_id);
CALL isolate_by_tenant('execution');

-- A buy opens one lot; sales close lots first in, first out.
CREATE TABLE lot (
  order_id       uuid PRIMARY KEY REFERENCES customer_order,
  tenant_id      uuid NOT NULL,
  book_id        bigint NOT NULL,
  instrument_id  integer NOT NULL,
  opened_on      date NOT NULL,
  quantity       numeric(38, 8) NOT NULL CHECK (quantity >= 0),
  cost           numeric(38, 8) NOT NULL,
  remaining      numeric(38, 8) NOT NULL CHECK (remaining >= 0),
  remaining_cost numeric(38, 8) NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX lot_open ON lot (book_id, instrument_id, opened_on, order_id) WHERE remaining > 0;
CALL isolate_by_tenant('lot');

CREATE TABLE lot_sale (
  order_id  uuid NOT NULL REFERENCES customer_order,
  lot_id    uuid NOT NULL REFERENCES lot,
  tenant_id uuid NOT NULL,
  sold_on   date NOT NULL,
  quantity  numeric(38, 8) NOT NULL CHECK (quantity > 0),
  cost      numeric(38, 8) NOT NULL,
  proceeds  numeric(38, 8) NOT NULL,
  PRIMARY KEY (order_id, lot_id)
);
CALL isolate_by_tenant('lot_sale');

-- What is due from and to the clearing house and between the banks, one row per market order that was filled (and one
-- for what was dealt late).
-- The quantity is zero where the house itself was the counterparty.
CREATE TABLE trade_settlement (
  id               uuid PRIMARY KEY,
  market_order_id  uuid NOT NULL REFERENCES market_order,
  tenant_id        uuid NOT NULL,
  journal_id       integer NOT NULL,
  instrument_id    integer NOT NULL,
  side             text NOT NULL,
  quantity         numeric(38, 8) NOT NULL CHECK (quantity >= 0),
  customers_amount numeric(38, 8) NOT NULL,
  house_amount     numeric(38, 8) NOT NULL,
  due_on           date NOT NULL,
  settled_at       timestamptz
);
CREATE INDEX trade_settlement_due ON trade_settlement (journal_id, due_on) WHERE settled_at IS NULL;
CALL isolate_by_tenant('trade_settlement');

-- Proceeds that are the customer's but not settled yet, one row per sell order.
CREATE TABLE cash_settlement (
  order_id   uuid PRIMARY KEY REFERENCES customer_order,
  tenant_id  uuid NOT NULL,
  journal_id integer NOT NULL,
  book_id    bigint NOT NULL,
  amount     numeric(38, 8) NOT NULL,
  due_on     date NOT NULL,
  settled_at timestamptz
);
CREATE INDEX cash_settlement_due ON cash_settlement (journal_id, due_on) WHERE settled_at IS NULL;
CREATE INDEX cash_settlement_book ON cash_settlement (book_id) WHERE settled_at IS NULL;
CALL isolate_by_tenant('cash_settlement');

-- The paper venue's own memory: another party's, so nothing of ours refers to it.
CREATE SCHEMA paper;
CREATE TABLE paper.venue_order (
  client_order_id text PRIMARY KEY,
  received_at     timestamptz NOT NULL,
  reports         jsonb NOT NULL
);
GRANT USAGE ON SCHEMA paper TO wealthgraph_engine;
GRANT SELECT, INSERT ON paper.venue_order TO wealthgraph_engine;
