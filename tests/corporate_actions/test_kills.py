"""Processes killed in the middle of corporate actions: whoever comes next goes on, and all is as if nobody had died.

``KILLS=20 KILL_SEED=7 pytest tests/corporate_actions/test_kills.py`` does it over and over.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from random import Random

import asyncpg
import pytest

from app.corporate_actions.types import ActionKind, Fractions
from app.infra import embedded
from app.infra.database import ENGINE_ROLE
from app.market.types import Side, TimeInForce
from tests.conftest import fresh_database
from tests.corporate_actions.company import MONDAY, Company, terms
from tests.corporate_actions.test_dividend import PAID_ON
from tests.orders.checks import faults_in_the_books
from tests.world import WEDNESDAY, running

KILLS = int(os.environ.get("KILLS", "1"))
SEED = int(os.environ.get("KILL_SEED", "11"))
TERMS = {
    ActionKind.SPLIT: terms("3", "2", price="70", fractions=Fractions.CASH),
    ActionKind.REVERSE_SPLIT: terms("2", "3", price="70", fractions=Fractions.CASH),
    ActionKind.DIVIDEND: terms(cash="0.333"),
    ActionKind.MERGER: terms("2", "3", cash="1.5", price="70", fractions=Fractions.CASH),
}


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.parametrize("kind", ActionKind)
def test_whoever_is_killed_another_finishes_it_once(postgres: embedded.Server, template: str, kind: ActionKind) -> None:
    with fresh_database(postgres, template) as url:
        expected = asyncio.run(_carried_out(url, kind, None))
    for number in range(KILLS):
        with fresh_database(postgres, template) as url:
            assert asyncio.run(_carried_out(url, kind, Random(f"{SEED} {number} {kind}"))) == expected


async def _carried_out(url: str, kind: ActionKind, random: Random | None) -> list[asyncpg.Record]:
    """Everybody's balances, lots and events in the end; with ``random``, of an action that was killed many times."""
    journal, moment = await _announced(url, kind)
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        killed = 0
        while random and await _process(url, moment, random.choice(["before", "after"]), random.choice([1, 1, 2, 3])):
            killed += 1
            assert await faults_in_the_books(connection, journal) == []
        assert killed > 1 or random is None, "there was no middle of it"
        assert not await _process(url, moment, "after", 0)
        assert await connection.fetchval("SELECT status FROM corporate_action") == "COMPLETED"
        assert await faults_in_the_books(connection, journal) == []
        found = await connection.fetch(_END, journal)
        assert not await _process(url, moment, "after", 0), "who looks again finds nothing to do"
        assert await connection.fetch(_END, journal) == found
        return found
    finally:
        await connection.close()


async def _announced(url: str, kind: ActionKind) -> tuple[int, datetime]:
    """The journal, and a moment when all of the action can be carried out."""
    async with running(url) as world:
        ko = Company(world)
        accounts = [await ko.holder(quantity) for quantity in ("1.5", "2", "3.25", "0.75", "7")]
        into = world.instrument("PEP") if kind is ActionKind.MERGER else None
        pay_date = PAID_ON if kind is ActionKind.DIVIDEND else None
        await ko.announce(kind, TERMS[kind], MONDAY, into=into, pay_date=pay_date)
        await world.jump(WEDNESDAY.replace(day=27))
        for account in accounts[:3]:
            await ko.buy(account, "1.1")
            await world.place(account, Side.BUY, "KO", quantity="1", limit="50", time_in_force=TimeInForce.GTC)
        await world.pass_time(500, 100)
        await ko.begin(MONDAY)  # open orders end, for which venues are asked
        splits = kind in (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT)
        await world.jump(ko.effective_at(MONDAY) if splits else WEDNESDAY.replace(month=12, day=15))
        await world.pass_time(1_000, 250)
        return world.commits.journal.id, world.clock.now()


async def _process(url: str, moment: datetime, when: str, commit: int) -> bool:
    """Whether it was killed before it had done all."""
    program = (sys.executable, "-m", "tests.corporate_actions.kill_job")
    process = await asyncio.create_subprocess_exec(*program, url, moment.isoformat(), when, str(commit))
    status = await process.wait()
    assert status in (0, -signal.SIGKILL), "it failed by itself"
    return status != 0


#: Books in the order in which they were opened; ids and times are others each time.
_END = """
WITH books AS (SELECT id, row_number() OVER (ORDER BY id) AS book FROM ledger.book WHERE journal_id = $1)
SELECT book, 'account ' || (a.id & 33554431), a.balance::text, a.sequence::text
FROM books b JOIN ledger.account a ON a.book_id = b.id
UNION ALL
SELECT book, 'events ' || type, count(*)::text, '' FROM books b JOIN ledger.event e ON e.book_id = b.id GROUP BY 1, 2
UNION ALL
SELECT book, 'lots ' || instrument_id, sum(remaining)::text, sum(remaining_cost)::text
FROM books b JOIN lot l ON l.book_id = b.id GROUP BY 1, 2
ORDER BY 1, 2
"""
