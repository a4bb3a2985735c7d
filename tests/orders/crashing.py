"""Rounds of trading in which a process is killed: what is asked for, who does it, and what must be so afterwards."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg

from app.clients.types import Account
from app.infra.database import ENGINE_ROLE
from app.kernel.ids import new_id
from app.kernel.money import CENT, UNIT
from app.ledger.types import Journal
from app.market.calendar import calendar_of
from app.market.catalogue import XNYS
from tests.orders.checks import evidence, faults_in_the_books, unfinished
from tests.orders.crash_job import Job, Request, answers_in
from tests.orders.crash_venue import differences_with_the_venue
from tests.world import running

PEOPLE = 6
SHARES = ("AAPL", "KO")
SYMBOLS = (*SHARES, "BTC")
#: The market's days on which the rounds take place, one each, so that what one dealt settles in the next.
FIRST_DAY = date(2024, 6, 3)
KILLED = -9


@dataclass
class Traders:
    """The process that forks traders, and what is known of those that it forked."""

    process: asyncio.subprocess.Process
    ended: dict[str, asyncio.Future[int]] = field(default_factory=dict)

    async def start(self, job: Job) -> asyncio.Future[int]:
        """Let a trader work; answers its exit status once it has ended."""
        self.ended[job.id] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(job.line())
        await self.process.stdin.drain()
        return self.ended[job.id]

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            told = json.loads(line)
            self.ended.pop(told["id"]).set_result(told["status"])


@asynccontextmanager
async def traders() -> AsyncIterator[Traders]:
    """A process that is ready to fork."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.orders.crash_runner"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        limit=1 << 20,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"ready\n"
    found = Traders(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        process.stdin.close()
        await process.wait()
        listening.cancel()


@dataclass
class Shop:
    """A database with a tenant and some customers, in which round after round is traded."""

    url: str
    journal: Journal
    accounts: Sequence[Account]
    folder: Path
    random: Random
    #: Traders reach the venue over FIX there, if it is given.
    venue_port: int | None = None
    rounds: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    unreached: Counter[str] = field(default_factory=Counter)

    async def round(self, found: Traders, point: str, crossing: int) -> bool:
        """Trade until the process is killed, let another finish, and check; whether it was killed at the point.

        Now and then a second process trades beside the first, and takes over what it can.
        """
        self.rounds += 1
        first = self.job()
        jobs = [replace(first, point=point, crossing=crossing)]
        if self.random.random() < 0.25:
            jobs.append(replace(self.job(), answers=first.answers))
        statuses = await asyncio.gather(*[await found.start(job) for job in jobs])
        reached = statuses[0] == KILLED
        assert set(statuses) <= {0, KILLED}, f"{point}: a trader failed by itself"
        (self.killed if reached else self.unreached)[point] += 1
        requests = [request for job in jobs for request in job.requests]
        finisher = replace(self.job(), requests=requests, answers=first.answers)
        assert await (await found.start(finisher)) == 0, f"after {point} nobody came to an end"
        await self.check(finisher)
        return reached

    def job(self) -> Job:
        day = calendar_of(XNYS).add_sessions(FIRST_DAY, self.rounds)
        return Job(
            self.url,
            str(self.journal.tenant_id),
            self.random.randrange(1 << 30),
            some_requests(self.random, self.accounts, SYMBOLS if self.venue_port is None else SHARES),
            str(self.folder / f"{self.journal.tenant_id}-{new_id().hex}"),
            market_at=datetime.combine(day, time(15), UTC).isoformat(),
            wall_at=datetime.now(UTC).isoformat(),
            venue_port=self.venue_port,
        )

    async def check(self, job: Job) -> None:
        """Nothing acknowledged is missing, nothing was done twice, nothing is left behind, and the books agree."""
        connection = await asyncpg.connect(self.url, server_settings={"role": ENGINE_ROLE})
        try:
            found = await faults_in_the_books(connection, self.journal.id)
            found += await unfinished(connection)
            if self.venue_port is None:
                found += map(tuple, await connection.fetch(_AT_THE_VENUE))
            else:
                found += await differences_with_the_venue(connection)
            assert not found, await evidence(connection, found)
            await self._check_answers(connection, job)
        finally:
            await connection.close()

    async def _check_answers(self, connection: "asyncpg.Connection[asyncpg.Record]", job: Job) -> None:
        answers = answers_in(Path(job.answers))
        assert answers.keys() == {request["key"] for request in job.requests}
        given = {UUID(key): UUID(answer) for key, answer in answers.items() if answer is not None}
        rows = await connection.fetch("SELECT key, answer FROM ledger.idempotency WHERE key = ANY ($1)", list(given))
        assert {row["key"]: UUID(row["answer"]) for row in rows} == given
        placed = [given[UUID(r["key"])] for r in job.requests if r["what"] == "place" and UUID(r["key"]) in given]
        assert len(set(placed)) == len(placed)
        known = await connection.fetchval("SELECT count(*) FROM customer_order WHERE id = ANY ($1)", placed)
        assert known == len(placed)
        leaving = {given[UUID(r["key"])] for r in job.requests if r["what"] != "place" and UUID(r["key"]) in given}
        told = await connection.fetch(_LEAVING, list(leaving))
        assert {row["correlation"] for row in told} >= leaving


async def open_shop(url: str, folder: Path, seed: int) -> Shop:
    """Customers with money on the database at ``url``."""
    async with running(url) as world:
        people = [await world.investor(100_000) for _ in range(PEOPLE)]
        return Shop(url, world.commits.journal, people, folder, Random(seed))


def some_requests(random: Random, accounts: Sequence[Account], symbols: Sequence[str]) -> list[Request]:
    """Orders of all kinds within a tenth of a second, and some that are then canceled or replaced."""
    requests: list[Request] = []
    for _ in range(24):
        symbol, side = random.choice((*symbols, "AAPL", "AAPL")), random.choice(("BUY", "BUY", "SELL"))
        limit = random.choice((None, None, "101.00", "90.00" if side == "BUY" else "110.00"))
        made = _request(random, random.choice(accounts), symbol, side, limit)
        requests.append(made)
        if random.random() < 0.4:
            what = random.choice(("cancel", "replace"))
            after = random.choice((0.0, 0.01, 0.1, 0.2))
            kind = "quantity" if made["amount"] is None else "amount"
            size = made[kind] * random.randint(50, 150) // 100 // CENT * CENT
            change = {"key": str(new_id()), "what": what, "order": made["key"], "after": after, kind: size}
            requests.append(made | change)
    return requests


def _request(random: Random, account: Account, symbol: str, side: str, limit: str | None) -> Request:
    by_amount = random.random() < 0.4
    quantity = random.choice((random.randint(UNIT // 10, UNIT), random.randint(1, 4) * UNIT))
    return {
        "key": str(new_id()),
        "what": "place",
        "account": str(account.id),
        "book": account.book_id,
        "symbol": symbol,
        "side": side,
        "amount": random.randint(500, 40_000) * CENT if by_amount else None,
        "quantity": None if by_amount else quantity,
        "limit": limit,
        "order": None,
        "after": random.choice((0.0, 0.0, 0.05, 0.1)),
    }


#: Requests to cancel or replace leave a trace in the log, whatever became of the order.
_LEAVING = """
SELECT DISTINCT correlation FROM ledger.event WHERE correlation = ANY ($1)
  AND type IN ('ORDER_CANCELED', 'ORDER_PENDING_CANCEL', 'ORDER_REPLACED', 'ORDER_PENDING_REPLACE')
"""

#: What the venue remembers is what we know of it, each order and each execution once, and never more than was asked.
_AT_THE_VENUE = """
WITH told AS (
  SELECT v.client_order_id AS id, s->'report'->>'execution_id' AS execution
  FROM paper.venue_order v, jsonb_array_elements(v.story->'happened') s
  WHERE s->'report'->>'execution_id' <> '')
SELECT 'an execution that only one side knows', coalesce(t.execution, e.venue_execution_id)
FROM told t FULL JOIN (SELECT * FROM execution WHERE venue = 'paper') e
  ON e.market_order_id = t.id AND e.venue_execution_id = t.execution
WHERE t.id IS NULL OR e.id IS NULL
UNION ALL
SELECT 'an order that we did not send', v.client_order_id::text FROM paper.venue_order v
LEFT JOIN market_order m ON m.id = v.client_order_id WHERE m.id IS NULL
UNION ALL
SELECT 'an order that the venue never had', m.id::text FROM market_order m
LEFT JOIN paper.venue_order v ON v.client_order_id = m.id
WHERE m.capacity <> 'PRINCIPAL' AND m.filled_quantity > 0 AND v.client_order_id IS NULL
UNION ALL
SELECT 'more than was ordered', m.id::text FROM market_order m JOIN paper.venue_order v ON v.client_order_id = m.id
WHERE m.filled_quantity * 100000000 > (v.story->'order'->>'quantity')::numeric
   OR m.filled_quantity * 100000000 <> (v.story->>'cumulative')::numeric
"""
