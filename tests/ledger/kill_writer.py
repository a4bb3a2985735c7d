"""A program that posts until it is killed: many callers at once, each writing down what it was answered.

``python -m tests.ledger.kill_writer URL TENANT SEED ANSWERS HOME``. What a caller was answered stands in the file
before the caller goes on. Beside them the journal is sealed all the time: keys and checkpoints are kept under HOME. A
lost database ends the program with status 3.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from uuid import UUID, uuid5

from app.infra.database import LOST as DATABASE_LOST
from app.infra.database import EnginePool, engine_pool
from app.kernel.clock import SystemClock
from app.kernel.errors import OutcomeUnknown, Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.books import journal_of
from app.ledger.chart import USD, Kind, address
from app.ledger.commit import GroupCommit
from app.ledger.idempotency import idempotency_key
from app.ledger.types import Entry, Journal, Leg, Refused
from app.proof.keys import key_ring
from app.proof.publisher import FilePublisher
from app.proof.seal import Seals, seal

CALLERS = 30
LOST = 3


async def move(batch: Batch, commands: Sequence[tuple[int, int, int]]) -> list[UUID | Refusal]:
    """Move units from one customer's settled cash to another's, by way of a hold: a transaction of two transfers."""
    ids = [new_id() for _ in commands]
    entries = []
    for id_, (debit, credit, amount) in zip(ids, commands, strict=True):
        held = address(debit, USD, Kind.HELD)
        legs = [
            Leg(address(debit, USD, Kind.SETTLED), held, amount),
            Leg(held, address(credit, USD, Kind.SETTLED), amount),
        ]
        event = NewEvent(debit, EventType.WITHDRAWAL, "test", batch.effective_at, correlation=id_)
        entries.append(Entry(event, legs))
    return [
        Refusal(verdict.reason, "short") if isinstance(verdict, Refused) else id_
        for id_, verdict in zip(ids, await batch.post(entries), strict=True)
    ]


def seals_in(home: Path) -> Seals:
    return Seals(key_ring(home, None), FilePublisher(home / "checkpoints"), "kills.test")


async def _seal(pool: EnginePool, journal: Journal, home: Path) -> None:
    seals = seals_in(home)
    while True:
        async with pool.acquire() as connection:
            await seal(connection, seals, journal, SystemClock().now())
        await asyncio.sleep(0.2)


async def work(url: str, tenant: UUID, seed: int, answers: str, home: Path) -> None:
    pool = await engine_pool(url, 3)
    async with pool.acquire() as connection:
        journal = await journal_of(connection, tenant)
        rows = await connection.fetch("SELECT id FROM ledger.book WHERE kind = 'customer' ORDER BY 1")
    books = [row["id"] for row in rows]
    clock = SystemClock()
    commits = GroupCommit(pool, journal, clock=clock, market_clock=clock, ring=lambda *_: None, batch_limit=20)
    writer = asyncio.create_task(commits.run())
    told = os.open(answers, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def caller(number: int) -> None:
        random = Random(f"{seed} {number}")
        turn = 0
        while True:
            turn += 1
            debit, credit = random.sample(books, 2)
            amount = random.choice([1, 5, 400, 10**12])
            key = uuid5(tenant, f"{seed} {number} {turn}")
            asked = idempotency_key("test", key, "move", {"amount": amount})
            try:
                id_ = await commits.submit(move, (debit, credit, amount), asked)
                os.write(told, f"{key} {id_}\n".encode())
            except Refusal:
                os.write(told, f"{key} refused\n".encode())

    try:
        await asyncio.gather(_seal(pool, journal, home), *(caller(number) for number in range(CALLERS)))
    except (OutcomeUnknown, *DATABASE_LOST):
        writer.cancel()
        os._exit(LOST)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5])))
