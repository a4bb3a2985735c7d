-- A close keeps its trial balance, row by row: so what the books said on any day is read, or carried on from the nearest
-- close by the entries since, however many accounts there are and however long ago it was.
CREATE TABLE trial_balance_row (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  journal_id integer NOT NULL,
  position   bigint NOT NULL,
  kind       smallint NOT NULL,
  asset_id   integer NOT NULL,
  accounts   integer NOT NULL,
  debit      numeric(38, 8) NOT NULL,
  credit     numeric(38, 8) NOT NULL,
  PRIMARY KEY (journal_id, position, kind, asset_id)
);
COMMENT ON COLUMN trial_balance_row.position IS 'the last entry that it covers: that of a daily close, which names the hash of all its rows';
COMMENT ON COLUMN trial_balance_row.accounts IS 'how many ledger accounts of the kind and asset are not at zero';
CALL isolate_by_tenant('trial_balance_row');
REVOKE UPDATE ON trial_balance_row FROM wealthgraph_engine;
