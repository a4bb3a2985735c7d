-- The log as a Merkle tree: blocks of 1,024 entries, the nodes above them, and the checkpoints that were signed and
-- published. All of it follows from the log and is only ever added; the signing key is not in the database.
SET ROLE ledger_owner;

CREATE TABLE ledger.block (
  journal_id integer NOT NULL REFERENCES ledger.journal,
  number     bigint NOT NULL CHECK (number >= 0),
  root       bytea NOT NULL CHECK (length(root) = 32),
  chain      bytea NOT NULL CHECK (length(chain) = 32),
  leaves     bytea NOT NULL CHECK (length(leaves) = 32 * 1024),
  PRIMARY KEY (journal_id, number)
);
COMMENT ON COLUMN ledger.block.chain IS 'sha256 of the chain of the block before, and the root';
COMMENT ON COLUMN ledger.block.leaves IS 'the hashes of its entries one after the other: a proof needs no other entry of the block';
-- Hashes don't get smaller.
ALTER TABLE ledger.block ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- Complete nodes above the blocks' roots, which are on level 10.
CREATE TABLE ledger.tree_node (
  journal_id integer NOT NULL REFERENCES ledger.journal,
  level      smallint NOT NULL CHECK (level BETWEEN 11 AND 62),
  number     bigint NOT NULL CHECK (number >= 0),
  hash       bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (journal_id, level, number)
);

-- Each names the one before it, and only one can follow another: of two sealers one is too late.
CREATE TABLE ledger.checkpoint (
  journal_id    integer NOT NULL REFERENCES ledger.journal,
  size          bigint NOT NULL CHECK (size > 0),
  previous_size bigint NOT NULL CHECK (previous_size >= 0 AND previous_size < size),
  root          bytea NOT NULL CHECK (length(root) = 32),
  made_at       timestamptz NOT NULL,
  note          text NOT NULL,
  PRIMARY KEY (journal_id, size),
  UNIQUE (journal_id, previous_size)
);

-- A row once the publisher has taken the checkpoint. Until then it counts for nothing.
CREATE TABLE ledger.publication (
  journal_id   integer NOT NULL,
  size         bigint NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (journal_id, size),
  FOREIGN KEY (journal_id, size) REFERENCES ledger.checkpoint
);

DO $$ DECLARE name text; BEGIN
  FOREACH name IN ARRAY ARRAY['block', 'tree_node', 'checkpoint', 'publication'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.%I FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only_truncate', name);
    EXECUTE format('GRANT SELECT ON ledger.%I TO wealthgraph_engine, wealthgraph_api', name);
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY everything ON ledger.%I TO ledger_owner, wealthgraph_engine USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY tenant ON ledger.%I FOR SELECT TO wealthgraph_api '
                   'USING (journal_id = ANY (ARRAY(SELECT id FROM ledger.journal)))', name);
  END LOOP;
END $$;

-- A block with the nodes that it completes. What is there already stays: it follows from the log.
CREATE FUNCTION ledger.store_block(p_journal integer, p_number bigint, p_root bytea, p_chain bytea, p_leaves bytea,
  p_levels smallint[], p_numbers bigint[], p_hashes bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO block (journal_id, number, root, chain, leaves) VALUES (p_journal, p_number, p_root, p_chain, p_leaves)
  ON CONFLICT DO NOTHING;
  INSERT INTO tree_node (journal_id, level, number, hash)
  SELECT p_journal, u.* FROM unnest(p_levels, p_numbers, p_hashes) AS u ON CONFLICT DO NOTHING;
$$;

-- A checkpoint that was signed; fails when another follows the same one.
CREATE FUNCTION ledger.add_checkpoint(p_journal integer, p_size bigint, p_previous_size bigint, p_root bytea,
  p_made_at timestamptz, p_note text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO checkpoint (journal_id, size, previous_size, root, made_at, note)
  VALUES (p_journal, p_size, p_previous_size, p_root, p_made_at, p_note)
$$;

-- The publisher has taken the checkpoint.
CREATE FUNCTION ledger.mark_published(p_journal integer, p_size bigint, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
  INSERT INTO publication (journal_id, size, published_at) VALUES (p_journal, p_size, p_at) ON CONFLICT DO NOTHING
$$;
REVOKE ALL ON FUNCTION ledger.store_block, ledger.add_checkpoint, ledger.mark_published FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.store_block, ledger.add_checkpoint, ledger.mark_published TO wealthgraph_engine;
RESET ROLE;
