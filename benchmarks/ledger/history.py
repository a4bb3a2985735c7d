"""What a balance at another time costs, in a history that gets longer and longer: it must not grow with it."""

import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg

from app.infra.database import API_ROLE, EngineConnection
from app.ledger.types import Journal
from benchmarks.ledger.synthetic import BEGINNING, make_up

LOOKS = 2_000


async def run(url: str, most: int) -> None:
    """Print the median of looking up a random account at a random time, by either clock, for each length."""
    print("\nBalance at a random time, median µs by length of the history (one read, as the API's role)")
    print(f"  {'entries':>12}{'now':>9}{'recorded':>10}{'hot':>9}{'effective':>11}{'hot':>9}")
    length = 10_000
    while length <= most:
        journal, accounts = await make_up(url, length // 2, f"{length} entries")
        connection = await asyncpg.connect(url, server_settings={"role": API_ROLE})
        await connection.execute(f"SELECT set_config('app.tenant', '{journal.tenant_id}', false)")
        figures = await _looks(connection, journal, accounts, timedelta(seconds=length / 2))
        await connection.close()
        print(
            f"  {length:>12,}" + "".join(f"{each:>{w}.0f}" for each, w in zip(figures, (9, 10, 9, 11, 9), strict=True))
        )
        length *= 10


async def _looks(connection: EngineConnection, journal: Journal, accounts: list[int], long: timedelta) -> list[float]:
    def some() -> datetime:
        return BEGINNING + long * random.random()

    def one() -> list[int]:
        return [random.choice(accounts[1:])]

    hot = accounts[:1]
    return [
        await _median(connection, "SELECT balance FROM ledger.account WHERE id = ANY ($1)", lambda: (one(),)),
        await _median(connection, _RECORDED, lambda: (journal.id, one(), some())),
        await _median(connection, _RECORDED, lambda: (journal.id, hot, some())),
        await _median(connection, _EFFECTIVE, lambda: (journal.id, one(), some())),
        await _median(connection, _EFFECTIVE, lambda: (journal.id, hot, some())),
    ]


async def _median(connection: EngineConnection, query: str, arguments: Callable[[], tuple[object, ...]]) -> float:
    took = []
    for _ in range(LOOKS):
        given = arguments()
        started = time.perf_counter()
        await connection.fetch(query, *given)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e6


_RECORDED = "SELECT * FROM ledger.balances_at($1, $2, ledger.position_at($1, $3))"
_EFFECTIVE = """
SELECT * FROM ledger.effective_balances_at($1, $2, $3, (SELECT position FROM ledger.journal_head WHERE journal_id = $1))
"""
