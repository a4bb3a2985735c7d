"""Group commit: whole commands share one durable commit, each with its own answer.

While one batch commits, the next gathers; there is no timer. A batch takes the journal's lock first, then runs each
use case once with all of its commands, so that ten commands cost about as many statements as one.

Commands of one use case are taken in the order in which they came. Use cases take turns, and a batch takes only so
much: a backlog of one kind holds up its own kind, and nobody else for longer than a batch or two.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import structlog

from app.infra.database import EnginePool, is_loss
from app.kernel.clock import Clock
from app.kernel.errors import OutcomeUnknown, Overloaded
from app.ledger.batch import UseCase, carry_out
from app.ledger.idempotency import IdempotencyKey, stored_answer
from app.ledger.turns import Turns, Waiting, settle, tell
from app.ledger.types import Journal

C = TypeVar("C")
A = TypeVar("A")

log = structlog.get_logger(__name__)


class GroupCommit:
    """The writer of one journal in one process.

    ``queue_limit`` commands of a use case may wait; a batch takes commands of ``batch_limit`` weight together,
    or half as much more if the first is heavy.
    """

    def __init__(
        self,
        pool: EnginePool,
        journal: Journal,
        *,
        clock: Clock,
        market_clock: Clock,
        ring: Callable[[Journal, set[int]], None],
        queue_limit: int = 20_000,
        batch_limit: int = 1_000,
    ) -> None:
        self.journal = journal
        self._pool = pool
        self._clocks = clock, market_clock
        self._ring = ring
        self._turns = Turns(queue_limit)
        self._batch_limit = batch_limit
        self._arrived = asyncio.Event()
        self._stopped = False

    async def submit(
        self, use_case: UseCase[C, A], command: C, key: IdempotencyKey | None = None, *, weight: int = 1
    ) -> A:
        """Run the command in one of the next batches; answers once it is durable.

        With a ``key`` the first answer (or its ``id``) is stored, and given again to the same request. ``weight`` says
        how much work it is; an order that is placed is 1. Raises the ``Refusal`` of the use case, ``Overloaded`` when
        too many of its kind wait or the writer is stopped (nothing was done then), ``OutcomeUnknown`` when the
        database was lost over it.
        """
        if self._stopped:
            raise _stopping()
        waiting = Waiting(use_case, command, key, weight, asyncio.get_running_loop().create_future())
        self._turns.add(waiting)
        self._arrived.set()
        # A caller that goes away cancels its wait, not its command.
        answer: A = await waiting.answer
        return answer

    async def answered(self, key: IdempotencyKey) -> UUID | None:
        """The answer that is stored for the key, if there is one; raises a ``Refusal`` if it was for other input."""
        async with self._pool.acquire() as connection:
            return await stored_answer(connection, self.journal.id, key)

    async def run(self) -> None:
        """Commit batches until cancelled, and however often; what was already taken from the queues is finished first,
        and who still waits there is refused."""
        working = asyncio.ensure_future(self._work())
        try:
            await asyncio.shield(working)
        finally:
            self._stop()
            while not working.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([working])

    def _stop(self) -> None:
        self._stopped = True
        self._arrived.set()
        for each in self._turns.clear():
            settle(each.answer, _stopping())

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if self._stopped:
                return
            batch = self._turns.take(self._batch_limit)
            if not self._turns:
                self._arrived.clear()
            try:
                await self._commit(batch)
            except BaseException:  # cancelled with everything else, as the process ends
                for each in batch:
                    settle(each.answer, OutcomeUnknown("it was stopped while at work; ask again with the same key"))
                raise

    async def _commit(self, waiting: Sequence[Waiting]) -> None:
        try:
            answers = await self._attempt(waiting)
        except Exception as error:
            if isinstance(error, OutcomeUnknown) or is_loss(error):
                log.warning("batch lost", commands=len(waiting), error=repr(error))
                tell([(each.answer, _unknown(error)) for each in waiting])
                return
            # One bad command must not take its neighbours down: halve the batch until it stands alone.
            if len(waiting) == 1:
                log.exception("command failed", command=type(waiting[0].command).__name__)
                settle(waiting[0].answer, error)
                return
            half = len(waiting) // 2
            await self._commit(waiting[:half])
            await self._commit(waiting[half:])
        else:
            tell([(each.answer, answer) for each, answer in zip(waiting, answers, strict=True)])

    async def _attempt(self, waiting: Sequence[Waiting]) -> list[Any]:
        committing = False
        try:
            async with self._pool.acquire() as connection:
                batch, answers = await carry_out(connection, self.journal, self._clocks, waiting)
                committing = True
                done = await connection.execute("COMMIT")
        except Exception as error:
            if not committing:
                raise
            # It may have happened, whatever failed then: tried again, all of it might be done twice.
            raise OutcomeUnknown("the connection broke during COMMIT; ask again with the same key") from error
        if done != "COMMIT":  # PostgreSQL ends a transaction so in which a statement failed and nobody noticed
            raise RuntimeError(f"{len(waiting)} commands were not committed: a use case hid a failed statement")
        if batch.touched:
            try:
                self._ring(self.journal, batch.touched)
            except Exception:
                log.exception("nobody was told of a batch", journal=self.journal.id)
        return answers


def _stopping() -> Overloaded:
    return Overloaded("the server is being stopped, and nothing was done; try again in a moment")


def _unknown(error: Exception) -> OutcomeUnknown:
    """What a caller is told, each its own: an exception keeps who raised it."""
    unknown = OutcomeUnknown("the database was lost over this request; ask again with the same key")
    unknown.__cause__ = error
    return unknown
