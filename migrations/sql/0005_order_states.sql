-- Orders with limits and times in force, their way out while in flight, and facts that are taken back.

-- What only facts can bring about: shares that the house owes because a deal was taken back.
SET ROLE ledger_owner;
INSERT INTO ledger.account_kind VALUES (23, 'short', 'house', true);
-- Few rows: accounts that owe, or once owed.
CREATE INDEX account_owing ON ledger.account (journal_id, kind, book_id) WHERE kind IN (9, 23);
RESET ROLE;

ALTER TABLE customer_order
  ADD type           text NOT NULL DEFAULT 'MARKET' CHECK (type IN ('MARKET', 'LIMIT')),
  ADD limit_price    numeric(38, 8) CHECK (limit_price > 0),
  ADD time_in_force  text NOT NULL DEFAULT 'DAY' CHECK (time_in_force IN ('DAY', 'GTC', 'GTD')),
  ADD expires_at     timestamptz,
  ADD funding_due_on date,
  ADD placed_on      date,
  ADD ends_as        text CHECK (ends_as IN ('CANCELED', 'REPLACED', 'EXPIRED')),
  ADD change_number  integer,
  ADD replacement    jsonb,
  ADD replaces       uuid REFERENCES customer_order,
  ADD replaced_by    uuid REFERENCES customer_order,
  ADD CHECK ((type = 'LIMIT') = (limit_price IS NOT NULL)),
  DROP CONSTRAINT customer_order_status_check,
  ADD CONSTRAINT customer_order_status_check CHECK (status IN
    ('ACCEPTED', 'NEW', 'PARTIALLY_FILLED', 'FILLED', 'PENDING_CANCEL', 'CANCELED', 'REJECTED',
     'PENDING_REPLACE', 'REPLACED', 'EXPIRED'));
COMMENT ON COLUMN customer_order.expires_at IS 'on the market''s clock: of a DAY order, the close of its session';
COMMENT ON COLUMN customer_order.funding_due_on IS 'when the last of the unsettled money behind a buy settles';
COMMENT ON COLUMN customer_order.placed_on IS 'the market''s day in New York, for limits per day';
COMMENT ON COLUMN customer_order.ends_as IS 'how it ends once what is not filled of it is free of its market order';
COMMENT ON COLUMN customer_order.change_number IS 'the request to the venue that frees it';
COMMENT ON COLUMN customer_order.replacement IS 'the order that takes its place then';
ALTER TABLE customer_order ALTER type DROP DEFAULT, ALTER time_in_force DROP DEFAULT;
UPDATE customer_order SET time_in_force = 'GTC', placed_on = placed_at::date,
  ends_as = CASE WHEN status = 'PENDING_CANCEL' THEN 'CANCELED' END;  -- what was accepted before there was a choice had no end
ALTER TABLE customer_order ALTER placed_on SET NOT NULL, ADD CHECK ((time_in_force = 'GTC') = (expires_at IS NULL));

DROP INDEX customer_order_waiting;
CREATE INDEX customer_order_pace ON customer_order (account_id, placed_at);
CREATE INDEX customer_order_placed ON customer_order USING brin (placed_at) WITH (pages_per_range = 32);
CREATE INDEX customer_order_waiting ON customer_order
  (journal_id, instrument_id, side, type, limit_price, time_in_force, placed_at, id) WHERE status = 'ACCEPTED';
CREATE INDEX customer_order_leaving ON customer_order (market_order_id) WHERE ends_as IS NOT NULL AND ended_at IS NULL;
CREATE INDEX customer_order_expiring ON customer_order (expires_at) WHERE ended_at IS NULL;

DROP INDEX market_order_open;
ALTER TABLE market_order
  DROP claimed_by, DROP claimed_at,
  ADD type             text NOT NULL DEFAULT 'MARKET' CHECK (type IN ('MARKET', 'LIMIT')),
  ADD limit_price      numeric(38, 8) CHECK (limit_price > 0),
  ADD time_in_force    text NOT NULL DEFAULT 'DAY' CHECK (time_in_force IN ('DAY', 'GTC', 'GTD')),
  ADD expires_at       timestamptz,
  ADD scale            smallint NOT NULL DEFAULT 8,
  ADD rounding         text NOT NULL DEFAULT 'HALF_UP' CHECK (rounding IN ('TRUNCATE', 'HALF_UP')),
  ADD participants     integer NOT NULL DEFAULT 0,
  ADD allocated_quantity  numeric(38, 8) NOT NULL DEFAULT 0,
  ADD allocated_amount    numeric(38, 8) NOT NULL DEFAULT 0,
  ADD customers_quantity  numeric(38, 8) NOT NULL DEFAULT 0,
  ADD customers_amount    numeric(38, 8) NOT NULL DEFAULT 0,
  ADD house_quantity      numeric(38, 8) NOT NULL DEFAULT 0,
  ADD house_amount        numeric(38, 8) NOT NULL DEFAULT 0,
  DROP CONSTRAINT market_order_status_check,
  ADD CONSTRAINT market_order_status_check CHECK (status IN
    ('GATHERING', 'CREATED', 'SENT', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED'));
COMMENT ON COLUMN market_order.scale IS 'decimals of quantities that follow from amounts: as the venue''s profile said';
COMMENT ON COLUMN market_order.participants IS 'lines of its allocation statement';
COMMENT ON COLUMN market_order.allocated_quantity IS 'how much of what is filled has been shared out';
COMMENT ON COLUMN market_order.house_quantity IS 'what went to the house''s inventory in the end';
ALTER TABLE market_order ALTER type DROP DEFAULT, ALTER time_in_force DROP DEFAULT;
UPDATE market_order m SET
  participants = a.participants, customers_quantity = a.quantity, customers_amount = a.amount,
  allocated_quantity = m.filled_quantity, allocated_amount = m.filled_amount
FROM (SELECT market_order_id, count(*) AS participants, sum(filled_quantity) AS quantity, sum(filled_amount) AS amount
      FROM allocation GROUP BY market_order_id) a WHERE a.market_order_id = m.id;
UPDATE market_order SET quantity = requested_quantity WHERE capacity = 'PRINCIPAL';
UPDATE market_order SET
  house_quantity = CASE WHEN side = 'BUY' THEN street + supplied - customers_quantity ELSE supplied + customers_quantity - street END,
  house_amount = CASE WHEN side = 'BUY' THEN paid - customers_amount ELSE customers_amount - paid END
FROM (SELECT id AS id_, CASE WHEN capacity = 'PRINCIPAL' THEN 0 ELSE filled_quantity END AS street,
             CASE WHEN capacity = 'PRINCIPAL' THEN 0 ELSE filled_amount END AS paid FROM market_order) x
WHERE id_ = id AND ended_at IS NOT NULL;
CREATE INDEX market_order_unshared ON market_order (instrument_id)
  WHERE filled_quantity <> allocated_quantity OR filled_amount <> allocated_amount;
CREATE INDEX market_order_open ON market_order (instrument_id, id) WHERE ended_at IS NULL;

-- How a market order stands with its venue: the requests that were made, and what the venue said of them.
CREATE TABLE venue_order (
  market_order_id     uuid PRIMARY KEY REFERENCES market_order,
  tenant_id           uuid NOT NULL,
  venue               text NOT NULL,
  status              text NOT NULL CHECK (status IN
    ('PENDING_NEW', 'NEW', 'PENDING_REPLACE', 'PENDING_CANCEL', 'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')),
  number              integer NOT NULL DEFAULT 0,
  accepted            integer NOT NULL DEFAULT 0,
  asked_quantity      numeric(38, 8),
  told_quantity       numeric(38, 8),
  reason              text,
  to_ask              boolean NOT NULL DEFAULT false,
  sent_at             timestamptz,
  heard_at            timestamptz
) WITH (fillfactor = 70);
COMMENT ON COLUMN venue_order.number IS 'the last request to change it';
COMMENT ON COLUMN venue_order.accepted IS 'the last request that the venue accepted';
COMMENT ON COLUMN venue_order.asked_quantity IS 'the quantity that a pending request asks for; null to cancel';
COMMENT ON COLUMN venue_order.to_ask IS 'an operator wants the venue to be asked again';
COMMENT ON COLUMN venue_order.told_quantity IS 'all that was executed, as the venue told it with the order''s end';
CALL isolate_by_tenant('venue_order');
INSERT INTO venue_order (market_order_id, tenant_id, venue, status, sent_at)
SELECT id, tenant_id, CASE WHEN capacity = 'PRINCIPAL' THEN 'house' ELSE 'paper' END,
       CASE WHEN ended_at IS NOT NULL THEN status WHEN status = 'CREATED' THEN 'PENDING_NEW' ELSE 'NEW' END,
       CASE WHEN status <> 'CREATED' THEN created_at END
FROM market_order;

-- A run shares out what is new: each line's next figures are planned, then posted in chunks.
ALTER TABLE allocation
  ADD planned_quantity numeric(38, 8),
  ADD planned_amount   numeric(38, 8);
CREATE TABLE allocation_run (
  market_order_id uuid PRIMARY KEY REFERENCES market_order,
  tenant_id       uuid NOT NULL,
  quantity        numeric(38, 8) NOT NULL,
  amount          numeric(38, 8) NOT NULL,
  stage           text NOT NULL,
  ending          text,
  reason          text,
  accepted        integer NOT NULL,
  through         uuid
);
COMMENT ON TABLE allocation_run IS 'the run under way for a market order with many participants';
COMMENT ON COLUMN allocation_run.through IS 'the last order that was dealt with';
CALL isolate_by_tenant('allocation_run');
GRANT DELETE ON allocation_run TO wealthgraph_engine;

ALTER TABLE execution
  ADD settles_on  date,
  ADD kind        text NOT NULL DEFAULT 'EXECUTION' CHECK (kind IN ('EXECUTION', 'BUST', 'CORRECTION')),
  ADD refers_to   uuid REFERENCES execution,
  ADD standing    boolean NOT NULL DEFAULT true,
  ADD allocated   boolean NOT NULL DEFAULT true,
  DROP CONSTRAINT execution_quantity_check,
  ADD CONSTRAINT execution_quantity_check CHECK (quantity > 0 OR kind = 'BUST');
UPDATE execution e SET settles_on = m.settles_on FROM market_order m WHERE m.id = e.market_order_id;
ALTER TABLE execution ALTER settles_on SET NOT NULL, ALTER kind DROP DEFAULT, ALTER allocated DROP DEFAULT;
COMMENT ON COLUMN execution.standing IS 'false once it was taken back or corrected';
COMMENT ON COLUMN execution.allocated IS 'whether a run has shared it out';

ALTER TABLE lot_sale DROP CONSTRAINT lot_sale_lot_id_fkey, DROP CONSTRAINT lot_sale_pkey;
ALTER TABLE lot
  ADD id               uuid,
  ADD funded_unsettled numeric(38, 8) NOT NULL DEFAULT 0,
  ADD funded_owed      numeric(38, 8) NOT NULL DEFAULT 0,
  ADD funding_due_on   date;
UPDATE lot SET id = order_id;
ALTER TABLE lot DROP CONSTRAINT lot_pkey, ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX lot_order ON lot (order_id, opened_on);
ALTER TABLE lot_sale ADD PRIMARY KEY (order_id, lot_id, sold_on), ADD FOREIGN KEY (lot_id) REFERENCES lot;
GRANT DELETE ON lot_sale TO wealthgraph_engine;
COMMENT ON COLUMN lot.funded_unsettled IS 'how much of its cost was paid with money that settled later';
COMMENT ON COLUMN lot.funded_owed IS 'how much of it was owed';
COMMENT ON COLUMN lot.funding_due_on IS 'when that money settles';

ALTER TABLE cash_settlement DROP CONSTRAINT cash_settlement_pkey, ADD PRIMARY KEY (order_id, due_on);

-- Who does what, one process at a time. The epoch goes up with every holder: what an older one decides is refused.
CREATE TABLE lease (
  name       text PRIMARY KEY,
  holder     uuid NOT NULL,
  epoch      bigint NOT NULL,
  held_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON lease TO wealthgraph_engine;
-- One lease per shard of instruments (app/orders/lead.py), free at first.
INSERT INTO lease SELECT 'orders/' || shard, gen_random_uuid(), 0, '-infinity' FROM generate_series(0, 15) AS shard;
