-- Reference data of the market: global, the same for every tenant, so without row-level security.

-- The id is the ledger's asset id too. No foreign key: market and ledger are rooms of their own.
CREATE TABLE public.instrument (
  id           integer PRIMARY KEY CHECK (id > 1),
  -- byte order: a prefix is then a range of the unique index, and pages sort alike on every server
  symbol       text COLLATE "C" NOT NULL UNIQUE CHECK (symbol ~ '^[A-Z0-9][A-Z0-9./-]{0,15}$'),
  name         text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('equity', 'crypto', 'index')),
  exchange     text NOT NULL,
  whole_shares boolean NOT NULL,
  tradable     boolean NOT NULL,
  -- letters and digits only, so that names and what people type fall into the same words
  search       tsvector NOT NULL GENERATED ALWAYS AS
    (to_tsvector('simple', regexp_replace(symbol || ' ' || name, '[^[:alnum:]]+', ' ', 'g'))) STORED
);
CREATE INDEX instrument_search ON public.instrument USING gin (search);

-- One partition a year. Bounded text, so that no row can be long and no partition needs a TOAST table: half the files.
CREATE TABLE public.bar (
  instrument_id integer NOT NULL REFERENCES public.instrument,
  "interval"    varchar(16) NOT NULL CHECK ("interval" IN ('1d')),
  "time"        timestamptz NOT NULL,
  open          numeric(38, 8) CHECK (open > 0),
  high          numeric(38, 8) CHECK (high > 0),
  low           numeric(38, 8) CHECK (low > 0),
  close         numeric(38, 8) NOT NULL CHECK (close > 0),
  volume        numeric(38, 8) CHECK (volume >= 0),
  source        varchar(16) NOT NULL CHECK (source IN ('historical', 'simulated')),
  PRIMARY KEY (instrument_id, "interval", "time")
) PARTITION BY RANGE ("time");
DO $$ BEGIN
  FOR year IN 1990..2035 LOOP
    EXECUTE format('CREATE TABLE public.bar_%s PARTITION OF public.bar FOR VALUES FROM (%L) TO (%L)',
                   year, year || '-01-01 00:00:00+00', year + 1 || '-01-01 00:00:00+00');
  END LOOP;
END $$;
CREATE TABLE public.bar_default PARTITION OF public.bar DEFAULT;

-- Where market time stood at a wall time, how fast it runs, and when a process last kept it running.
CREATE TABLE public.market_clock (
  id            smallint PRIMARY KEY CHECK (id = 1),
  anchor_market timestamptz NOT NULL,
  anchor_wall   timestamptz NOT NULL,
  speed         integer NOT NULL CHECK (speed > 0),
  seen_wall     timestamptz NOT NULL
);

GRANT SELECT ON public.instrument, public.bar, public.market_clock TO wealthgraph_api;
GRANT SELECT, INSERT, UPDATE ON public.instrument, public.bar, public.market_clock TO wealthgraph_engine;
