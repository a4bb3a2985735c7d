-- A venue may deal less than its order says here: it said no to a request, and did all the same what was asked.

ALTER TABLE venue_order ADD quantity numeric(38, 8);
COMMENT ON COLUMN venue_order.quantity IS 'what is in force at the venue, where that is less than the market order says';
