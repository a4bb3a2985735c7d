"""What a use case is given: many commands of its kind, and one open transaction in which it carries them out."""

import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg

from app.infra.database import LOST, EngineConnection
from app.kernel.clock import Clock
from app.kernel.errors import Refusal
from app.ledger.idempotency import answer_once
from app.ledger.post import post, post_facts
from app.ledger.turns import Waiting
from app.ledger.types import Entry, Journal, Posted, Refused

C = TypeVar("C", contravariant=True)
A = TypeVar("A", covariant=True)


@dataclass(slots=True)
class Batch:
    """One open transaction that holds the journal's lock, and the two times of what is recorded in it."""

    connection: EngineConnection
    journal: Journal
    recorded_at: datetime
    effective_at: datetime
    touched: set[int] = field(default_factory=set)

    async def post(self, entries: Sequence[Entry]) -> list[Posted | Refused]:
        """Append requests, each with its own verdict."""
        self.touched.update(entry.event.book for entry in entries)
        return await post(self.connection, self.journal.id, self.recorded_at, self.effective_at, entries)

    async def post_facts(self, entries: Sequence[Entry]) -> list[Posted]:
        """Append what has happened already; raises where the ledger would refuse."""
        self.touched.update(entry.event.book for entry in entries)
        return await post_facts(self.connection, self.journal.id, self.recorded_at, self.effective_at, entries)


class UseCase(Protocol[C, A]):
    """Decides and records many commands of one kind inside a batch: one answer or refusal each, in order."""

    def __call__(self, batch: Batch, commands: Sequence[C], /) -> Awaitable[Sequence[A | Refusal]]: ...


async def carry_out(
    connection: EngineConnection, journal: Journal, clocks: tuple[Clock, Clock], waiting: Sequence[Waiting]
) -> tuple[Batch, list[Any]]:
    """Everything but the COMMIT: a batch of what waits, and the answers in order. When it raises, nothing of it stays.

    ``clocks`` are ours and the market's.
    """
    try:
        # In one message: for a small batch a round trip counts.
        await connection.execute(f"BEGIN; SELECT ledger.lock_journal({journal.id:d})")
        clock, market_clock = clocks
        batch = Batch(connection, journal, clock.now(), market_clock.now())
        return batch, await _run_groups(batch, waiting)
    except BaseException:
        await _roll_back(connection)
        raise


async def _run_groups(batch: Batch, waiting: Sequence[Waiting]) -> list[Any]:
    """Commands of one use case run together; concurrent commands have no order to keep between kinds."""
    groups: dict[UseCase[Any, Any], list[int]] = {}
    for index, each in enumerate(waiting):
        groups.setdefault(each.use_case, []).append(index)
    answers: list[Any] = [None] * len(waiting)
    for use_case, members in groups.items():
        asked = [(waiting[index].command, waiting[index].key) for index in members]
        for index, answer in zip(members, await answer_once(batch, use_case, asked), strict=True):
            answers[index] = answer
    return answers


async def _roll_back(connection: EngineConnection) -> None:
    """What can't be rolled back is not used again: the next batch would commit it."""
    clean = False
    try:
        with contextlib.suppress(*LOST):
            await connection.execute("ROLLBACK")
            clean = True
    finally:
        if not clean:
            with contextlib.suppress(asyncpg.InterfaceError):  # the pool has noticed, and taken it back
                connection.terminate()
