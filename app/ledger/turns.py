"""Whose turn it is (each use case in turn, its commands in the order in which they came), and how they are told."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.kernel.errors import Overloaded
from app.ledger.idempotency import IdempotencyKey

#: So many callers are given their answers at a time.
_AT_ONCE = 32


@dataclass(slots=True, eq=False)
class Waiting:
    """A command that waits for its batch, and its caller's answer. ``weight`` says how much work it is."""

    use_case: Callable[..., Any]
    command: Any
    key: IdempotencyKey | None
    weight: int
    answer: asyncio.Future[Any]


class Turns:
    """The queues of one journal's writer. ``limit`` commands of a use case may wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # By use case; whose turn is next stands first.
        self._queues: dict[Callable[..., Any], deque[Waiting]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, waiting: Waiting) -> None:
        """Queue it behind its own kind. Raises ``Overloaded`` when too many of that wait."""
        queue = self._queues.setdefault(waiting.use_case, deque())
        if len(queue) >= self._limit:
            raise Overloaded(f"{len(queue)} commands are waiting already; try again in a moment")
        queue.append(waiting)

    def take(self, limit: int) -> list[Waiting]:
        """The next batch: the oldest command of whose turn it is, whatever it weighs, then of each use case in turn, up
        to ``limit`` in all.

        A heavy command leaves half of the room to others. Who got nothing comes first the next time.
        """
        batch = [next(iter(self._queues.values())).popleft()]
        room = max(limit - batch[0].weight, limit // 2)
        turns = list(self._queues.values())
        while turns:
            turns = [queue for queue in turns if queue and queue[0].weight <= room]
            for queue in turns:
                if queue[0].weight <= room:
                    batch.append(queue.popleft())
                    room -= batch[-1].weight
        served = {each.use_case for each in batch}
        waiting = {use_case: queue for use_case, queue in self._queues.items() if queue}
        unserved = {use_case: queue for use_case, queue in waiting.items() if use_case not in served}
        self._queues = unserved | waiting
        return batch

    def clear(self) -> list[Waiting]:
        """Everybody who waits; then nobody does."""
        found = [waiting for queue in self._queues.values() for waiting in queue]
        self._queues.clear()
        return found


def tell(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    """Give some callers their answers, and let others have a turn: most come back at once with what they want next.
    Told all together they would keep the next batch from the database, which can be at work meanwhile.
    """
    for answer, value in answers[:_AT_ONCE]:
        settle(answer, value)
    if len(answers) > _AT_ONCE:
        asyncio.get_running_loop().call_soon(tell, answers[_AT_ONCE:])


def settle(answer: asyncio.Future[Any], value: Any) -> None:
    """Give a caller its answer, or what it is to raise; unless it has one."""
    if answer.done():
        return
    if isinstance(value, BaseException):
        answer.set_exception(value)
        answer.exception()  # its caller may be gone: then nobody reads it, and that is no fault
    else:
        answer.set_result(value)
