"""The general ledger: each side of each transfer once, in order, in pieces and in pages, and it adds up."""

import csv
import io
import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import app.accounting.general_ledger as general_ledger
from app.accounting.balances import Fetch, fetching
from app.accounting.business_days import ends_at
from app.accounting.general_ledger import Between, LedgerLine, LineKey, ledger_lines, ledger_page
from app.accounting.general_ledger_csv import write_csv
from app.infra.database import driver_of
from app.kernel.money import parse, to_units
from app.kernel.paging import PageOf
from tests.accounting.keeping import moving
from tests.accounting.test_journals import reversed_by_two
from tests.accounting.test_trial_balance import busy
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def exported(world: World, between: Between = Between()) -> list[dict[str, str]]:  # noqa: B008
    out = io.StringIO()
    counts: list[int] = []
    lines = ledger_lines(world.pool.fetch, world.commits.journal.id, between)
    count = await write_csv(lines, out, counts.append)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert count == len(rows) == (counts or [0])[-1]
    return rows


async def test_an_accountant_finds_the_trial_balance_in_it(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general_ledger, "PIECE", 3)
    async with running(database_url) as world:
        keeping = await busy(world)
        rows = await exported(world)
        transfers = await world.pool.fetchval("SELECT count(*) FROM ledger.transfer")
        assert len(rows) == 2 * transfers
        sums: dict[tuple[str, str], int] = defaultdict(int)
        last: dict[tuple[str, str, str], int] = {}
        for row in rows:
            assert (row["debit"] == "") != (row["credit"] == "")
            change = to_units(parse(row["credit"] or "0")) - to_units(parse(row["debit"] or "0"))
            place = row["account"], row["asset"], row["reference"]
            balance = to_units(parse(row["balance"]))
            assert last.get(place, 0) + change == balance, "the running balance runs"
            last[place] = balance
            sums[place[:2]] += change
        codes = {row["id"]: row["code"] for row in await world.pool.fetch("SELECT id, code FROM ledger.asset")}
        books = await keeping.books()
        assert {place: net for place, net in sums.items() if net} == {
            (row.kind.name, codes[row.asset]): row.credit - row.debit for row in books.rows
        }
        assert [row["event"] for row in rows[:2]] == ["HOUSE_FUNDED"] * 2
        assert {row["book"] for row in rows} == {"customer", "house", "outside", "market_order"}


async def test_by_effective_date_whenever_it_was_recorded(database_url: str) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        await world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        await world.investor(9)
        await world.jump(datetime(2026, 11, 30, 15, tzinfo=UTC))
        await keeping.bookkeeper.run_due()
        at = await world.pool.fetchval("SELECT max(position) FROM ledger.event WHERE type = 'DEPOSIT'")
        await reversed_by_two(world, at)
        whole = await exported(world)
        days = [date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30)]
        parts = [await exported(world, Between(day, day)) for day in days]
        assert [row for part in parts for row in part] == whole
        assert {row["event"] for row in parts[1]} == {"ORDER_EXPIRED", "TRADE_SETTLED", "CASH_SETTLED", "DEPOSIT"}
        assert {row["event"] for row in parts[2]} == {"REVERSAL"}
        assert await exported(world, Between(first=date(2026, 11, 26))) == parts[1] + parts[2]
        assert await exported(world, Between(last=date(2026, 11, 26))) == parts[0]
        assert await exported(world, Between(date(2026, 12, 1), None)) == []


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("closed", [False, True])
async def test_pages_give_each_line_once_both_ways(database_url: str, size: int, closed: bool) -> None:
    async with running(database_url) as world:
        keeping = await busy(world)
        between = Between()
        if closed:
            await world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
            await keeping.bookkeeper.run_due()
            between = Between(first=date(2026, 11, 27))
        pieces = [piece async for piece in ledger_lines(world.pool.fetch, world.commits.journal.id, between)]
        whole = [line for piece in pieces for line in piece]
        assert len(whole) > 6
        for backward in (False, True):
            found: list[LedgerLine] = []
            place: LineKey | None = None
            while True:
                asked = PageOf(size, True, None, place) if backward else PageOf(size, False, place, None)
                async with world.read() as api:
                    page = await ledger_page(fetching(api), world.commits.journal.id, between, asked)
                found = [*page.items, *found] if backward else [*found, *page.items]
                if not (page.has_previous if backward else page.has_next):
                    break
                place = page.items[0 if backward else -1].key
            assert found == whole


async def late(world: World) -> None:
    """A week of postings, some of them a little late and some dated back, and long after it many a little late."""
    seconds, a_day = timedelta(seconds=30), timedelta(days=1)
    for _ in range(6):
        now = world.clock.now()
        await moving(world, [now, now - seconds, now, now - a_day, now - seconds, now - 3 * a_day])
        await world.jump(now + 8 * timedelta(hours=1))
    midnight = ends_at(world.clock.now().date())
    await world.jump(midnight + seconds / 2)
    await moving(world, [world.clock.now(), world.clock.now() - seconds, world.clock.now() - 2 * seconds, midnight])
    await world.jump(midnight + 30 * a_day)
    await moving(world, [world.clock.now(), *[world.clock.now() - seconds] * 2_000, midnight - a_day])


async def test_days_of_which_something_came_late_are_whole_and_nothing_else_is_read(database_url: str) -> None:
    async with running(database_url) as world:
        await late(world)
        journal = world.commits.journal.id
        whole = await all_lines(world.pool.fetch, journal, Between())
        days = [None, *(date(2026, 11, day) for day in (22, 23, 24, 25, 27, 29))]
        looked_at: list[int] = []

        async def explained(statement: str, *arguments: Any) -> Sequence[Any]:
            plan = await driver_of(api).fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {statement}", *arguments)
            text = "\n".join(row[0] for row in plan)
            looked_at.append(sum(map(int, re.findall(r"Removed by Filter: (\d+)", text))))
            return await fetching(api)(statement, *arguments)

        async with world.read() as api:
            for first, last in itertools.product(days, days):
                between = Between(first, last)
                expected = [
                    line
                    for line in whole
                    if (between.starts_at is None or line.effective_at >= between.starts_at)
                    and (between.ends_at is None or line.effective_at < between.ends_at)
                ]
                page = await ledger_page(explained, journal, between, PageOf(100))
                assert page.items == expected[:100], between
                assert page.has_next == (len(expected) > 100)
                back = await ledger_page(explained, journal, between, PageOf(100, backward=True))
                assert back.items == expected[-100:], between
                if last is not None:
                    assert await all_lines(explained, journal, between) == expected
        assert max(looked_at) < 300


async def all_lines(fetch: Fetch, journal: int, between: Between) -> list[LedgerLine]:
    return [line async for piece in ledger_lines(fetch, journal, between) for line in piece]


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "a.1.0", "-1.1.0", "1" * 18 + ".1.0", "1.٣.0"])
async def test_a_cursor_of_somebody_elses_making_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="not a place"):
        LineKey.read(text)
