-- FIX sessions: both directions' messages and the numbers. Traffic with other houses, so no tenant's own.

CREATE SCHEMA fix;

CREATE TABLE fix.session (
  id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sender         text NOT NULL,
  target         text NOT NULL,
  qualifier      text NOT NULL,
  epoch          bigint NOT NULL,
  held_until     timestamptz NOT NULL,
  era            integer NOT NULL,
  next_in        bigint NOT NULL CHECK (next_in > 0),
  next_out       bigint NOT NULL CHECK (next_out > 0),
  taken_era      integer NOT NULL,
  taken_sequence bigint NOT NULL,
  UNIQUE (sender, target, qualifier)
) WITH (fillfactor = 50);
COMMENT ON COLUMN fix.session.epoch IS 'raised by whoever opens the session; a write with an older one fails';
COMMENT ON COLUMN fix.session.held_until IS 'until then nobody else opens it, unless the other side has called anew';
COMMENT ON COLUMN fix.session.era IS 'how often the numbers have started again at 1';
COMMENT ON COLUMN fix.session.taken_era IS 'the last incoming message that was applied for good, with taken_sequence';

CREATE TABLE fix.message (
  session_id  integer NOT NULL,
  direction   text NOT NULL CHECK (direction IN ('IN', 'OUT')),
  era         integer NOT NULL,
  sequence    bigint NOT NULL,
  application boolean NOT NULL,
  type        text NOT NULL,
  -- byte order: what is said of an order's requests (id.number) is then one range of the index
  cl_ord_id   text COLLATE "C",
  raw         bytea NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (session_id, direction, era, sequence)
);
COMMENT ON COLUMN fix.message.application IS 'handed on if it came in, sent again when asked for if it went out';
CREATE INDEX message_about ON fix.message (session_id, cl_ord_id, direction, era, sequence) WHERE cl_ord_id IS NOT NULL;

GRANT USAGE ON SCHEMA fix TO wealthgraph_engine;
GRANT SELECT, INSERT ON fix.message TO wealthgraph_engine;
GRANT SELECT, INSERT, UPDATE ON fix.session TO wealthgraph_engine;
