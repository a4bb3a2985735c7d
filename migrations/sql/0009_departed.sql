-- What orders have that left a market order before its end: they keep the average price at which they left.

ALTER TABLE market_order
  ADD departed_quantity numeric(38, 8) NOT NULL DEFAULT 0,
  ADD departed_amount   numeric(38, 8) NOT NULL DEFAULT 0;
COMMENT ON COLUMN market_order.departed_amount IS 'what those who left had come to, to 1e-8';

ALTER TABLE allocation_run
  ADD departed_quantity numeric(38, 8) NOT NULL DEFAULT 0,
  ADD departed_amount   numeric(38, 8) NOT NULL DEFAULT 0;
