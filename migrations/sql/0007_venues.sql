-- What each venue deals by. Reference data: the same for every tenant, so without row-level security.
-- Of a venue and a kind of instrument the newest row that is not later than the market's time is in force.
CREATE TABLE public.venue_profile (
  venue            text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('equity', 'crypto', 'index')),
  effective_from   timestamptz NOT NULL,
  scale            smallint NOT NULL CHECK (scale BETWEEN 0 AND 18),
  rounding         text NOT NULL CHECK (rounding IN ('TRUNCATE', 'HALF_UP')),
  whole_shares     boolean NOT NULL,
  extended_hours   boolean NOT NULL,
  calendar         text NOT NULL,
  open_window_ms   integer NOT NULL CHECK (open_window_ms >= 0),
  closed_window_ms integer NOT NULL CHECK (closed_window_ms >= 0),
  PRIMARY KEY (venue, kind, effective_from)
);
COMMENT ON COLUMN venue_profile.scale IS 'decimals that a customer''s quantity may have';
COMMENT ON COLUMN venue_profile.whole_shares IS 'the venue itself deals no fractions: the house takes the difference';
COMMENT ON COLUMN venue_profile.extended_hours IS 'it deals outside the calendar''s sessions too';
COMMENT ON COLUMN venue_profile.open_window_ms IS 'how long orders are gathered while the calendar''s exchange trades';

-- The house deals fractions, as its own stock has them; the exchanges behind paper and fix deal whole shares.
INSERT INTO public.venue_profile VALUES
  ('paper', 'equity', '1990-01-01 00:00+00', 8, 'HALF_UP', true,  false, 'XNYS', 50, 500),
  ('paper', 'crypto', '1990-01-01 00:00+00', 8, 'HALF_UP', false, false, '24/7', 50, 500),
  ('house', 'equity', '1990-01-01 00:00+00', 8, 'HALF_UP', false, false, 'XNYS', 50, 500),
  ('house', 'crypto', '1990-01-01 00:00+00', 8, 'HALF_UP', false, false, '24/7', 50, 500),
  ('fix',   'equity', '1990-01-01 00:00+00', 8, 'HALF_UP', true,  false, 'XNYS', 50, 500);

GRANT SELECT ON public.venue_profile TO wealthgraph_api, wealthgraph_engine;

-- The paper venue remembers an order whole: its terms, what happened to it and what is going to.
ALTER TABLE paper.venue_order
  ADD COLUMN story   jsonb,
  ADD COLUMN due_at  timestamptz,
  ADD COLUMN untaken boolean NOT NULL DEFAULT false;

-- What was known so far had been decided to its end when it arrived; the rest of it lies seconds back by now.
-- Forced row-level security would hide the market orders from their owner, who is at work here.
ALTER TABLE public.market_order NO FORCE ROW LEVEL SECURITY;
UPDATE paper.venue_order v SET story = jsonb_build_object(
  'order', jsonb_build_object(
    'client_order_id', v.client_order_id, 'instrument_id', m.instrument_id, 'side', m.side,
    'quantity', trunc(m.quantity * 100000000), 'limit_price', NULL, 'time_in_force', 'DAY', 'expires_at', NULL),
  'quantity', trunc(m.quantity * 100000000), 'ends_at', NULL, 'over', true, 'version', 1, 'accepted', 0,
  'executions', (SELECT count(*) FROM jsonb_array_elements(v.reports) AS r WHERE r ->> 'kind' = 'EXECUTION'),
  'cumulative', (SELECT coalesce(sum((r ->> 'quantity')::numeric), 0) FROM jsonb_array_elements(v.reports) AS r),
  'planned', '[]'::jsonb,
  'happened', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'due', v.received_at + make_interval(secs => (r ->> 'after_ms')::double precision / 1000),
      'lost', false, 'taken', false,
      'report', jsonb_build_object(
        'venue', 'paper', 'client_order_id', v.client_order_id, 'kind', r -> 'kind', 'at', r -> 'at',
        'execution_id', coalesce(r -> 'id', '""'), 'quantity', coalesce(r -> 'quantity', '0'),
        'price', coalesce(r -> 'price', '0'), 'cumulative_quantity', coalesce(r -> 'cumulative_quantity', '0'),
        'refers_to', '', 'order_quantity', 0, 'number', 0, 'reason', r -> 'reason')) ORDER BY place), '[]')
    FROM jsonb_array_elements(v.reports) WITH ORDINALITY AS step(r, place)))
FROM public.market_order m WHERE m.id::text = v.client_order_id;
ALTER TABLE public.market_order FORCE ROW LEVEL SECURITY;
DELETE FROM paper.venue_order WHERE story IS NULL;

ALTER TABLE paper.venue_order
  DROP COLUMN reports,
  ALTER COLUMN story SET NOT NULL,
  ALTER COLUMN client_order_id TYPE uuid USING client_order_id::uuid;
COMMENT ON COLUMN paper.venue_order.due_at IS 'when the next step that is decided already is going to happen';
COMMENT ON COLUMN paper.venue_order.untaken IS 'something was reported that nobody has said to have applied';
CREATE INDEX venue_order_due ON paper.venue_order (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX venue_order_untaken ON paper.venue_order (client_order_id) WHERE untaken;
GRANT UPDATE ON paper.venue_order TO wealthgraph_engine;
