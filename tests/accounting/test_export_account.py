"""Everything that belongs to a customer: all of it, nobody else's, and no table forgotten."""

import io
import json
import zipfile
from collections import defaultdict
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.accounting.decide import Decide, approve
from app.accounting.export_account import export_account
from app.accounting.export_parts import NAMING, NOT_THEIRS, PARTS
from app.accounting.propose import propose_journals
from app.clients.types import Account
from app.kernel.ids import new_id
from app.ledger.chart import BookKind, Kind
from app.market.types import Side
from app.orders.stop import set_rules
from app.risk.check import SetRule
from app.risk.types import RuleKind, Scope
from tests.accounting.keeping import BOB, Keeping
from tests.accounting.test_journals import journal
from tests.world import World, running

pytestmark = pytest.mark.asyncio

_TABLES = """
SELECT DISTINCT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND (a.attname ~ $1 OR c.oid = 'ledger.book'::regclass)
"""


async def test_every_table_that_names_an_account_or_so_is_covered_or_said_not_to_be_theirs(database_url: str) -> None:
    """A new table breaks this until somebody decides whether a customer takes it along."""
    connection = await asyncpg.connect(database_url)
    there = {row[0] for row in await connection.fetch(_TABLES, NAMING)}
    await connection.close()
    covered = {table for part in PARTS for table in part.tables}
    assert there - covered - NOT_THEIRS.keys() == set()
    assert covered & NOT_THEIRS.keys() == set()
    assert covered - there == set(), "a part names a table that is not there, or names nobody"
    for table in covered:
        assert any(table in part.statement for part in PARTS if table in part.tables)


async def export(world: World, account: Account) -> dict[str, list[dict[str, Any]]]:
    async with world.pool.acquire() as connection:
        told: dict[str, int] = {}
        with zipfile.ZipFile(made := io.BytesIO(), "w") as archive:
            rows = await export_account(connection, account.id, archive, world.clock.now(), told.__setitem__)
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        found = {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }
    assert {name: len(rows) for name, rows in found.items()} == rows == told
    return found


async def test_all_of_it_and_nobody_elses(database_url: str) -> None:
    async with running(database_url) as world:
        await Keeping(world).fund_house(100)
        ann, bob = await world.investor(1_000), await world.investor(1_000)
        for investor in (ann, bob):
            await world.place(investor, Side.BUY, "AAPL", amount="100.00")
        await world.pass_time(200)
        for investor in (ann, bob):
            await world.place(investor, Side.SELL, "AAPL", amount="30.00")
            rule = SetRule(
                RuleKind.MAX_ORDER_VALUE, "secret", "test", 10**12, Scope(investor.id, None), investor.book_id
            )
            await world.commits.submit(set_rules, rule)
            id_ = await world.commits.submit(propose_journals, journal(investor, reason="secret"))
            await world.commits.submit(approve, Decide(id_, BOB))
        await world.pass_time(200)
        found = await export(world, ann)
        rows = {name: len(rows) for name, rows in found.items()}
        assert rows.pop("balances") >= 2
        assert rows.pop("entries") == found["account"][0]["entries"] > 6
        assert rows == {
            "account": 1,
            "orders": 2,
            "allocations": 2,
            "executions": 2,
            "lots": 1,
            "lot_sales": 1,
            "dividends": 0,
            "proceeds": 1,
            "violations": 0,
            "rules": 1,
            "journals": 1,
        }
        for part in ("allocations", "executions"):
            assert not {"participants", "venue_execution_id"} & found[part][0].keys()
        assert not [key for each in found["executions"] for key in each if "quantity" in key or "amount" in key]
        everything = json.dumps(found)
        assert str(bob.id) not in everything
        assert "secret" not in everything, "what operators write to each other"
        ours = added_up(found["entries"])
        assert ours == {
            (each["kind"], each["asset"]): Decimal(each["balance"])
            for each in found["balances"]
            if Decimal(each["balance"])
        }
        async with world.pool.acquire() as connection:
            theirs = await connection.fetch("SELECT id FROM customer_order WHERE account_id = $1", bob.id)
        assert not any(str(row["id"]) in everything for row in theirs)


def added_up(entries: list[dict[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """The customer's balances, from the transfers of their entries alone."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for transfer in entry["transfers"]:
            for side, sign in (("debit", -1), ("credit", 1)):
                mine = Kind[transfer[side].upper()].book_kind is BookKind.CUSTOMER
                assert (transfer[f"{side}_balance"] is not None) is mine, "balances of others are not shown"
                if mine:
                    place = transfer[side], transfer["asset"]
                    sums[place] += sign * Decimal(transfer["amount"])
                    assert sums[place] == Decimal(transfer[f"{side}_balance"])
    return {place: units for place, units in sums.items() if units}


async def test_an_account_that_is_not_there(database_url: str) -> None:
    async with running(database_url) as world, world.pool.acquire() as connection:
        with zipfile.ZipFile(io.BytesIO(), "w") as archive:
            with pytest.raises(LookupError):
                await export_account(connection, new_id(), archive, world.clock.now(), lambda *_: None)
            assert archive.namelist() == []
