-- What was dealt in an instrument since a day: a dividend asks it, and must not read every market order there ever was.
CREATE INDEX market_order_dealt ON market_order (journal_id, instrument_id, trade_date);
