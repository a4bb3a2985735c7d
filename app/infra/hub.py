"""Who waits for news of what. Rings inside the process at once, and across processes through the doorbell."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import orjson
from broadcaster import Broadcast

from app.kernel.ids import new_id

_CHANNEL = "wealthgraph"
#: NOTIFY carries 8,000 bytes; past this many streams one ring wakes everyone instead.
_MOST_NAMED = 300


class Bell:
    """One waiter. Rings that come while nobody waits are remembered as one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, at_most: float) -> bool:
        """Returns at the next ring (True), or after ``at_most`` seconds without one."""
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


class Hub:
    """Streams are named by strings such as ``book:7``; a name costs nothing until somebody waits for it."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._me = new_id().hex
        self._unsent: set[str] = set()
        self._unsent_any = asyncio.Event()

    def ring(self, streams: Iterable[str]) -> None:
        """There is news in these streams. Never waits."""
        names = set(streams)
        self._ring_here(names)
        self._unsent |= names
        self._unsent_any.set()

    @asynccontextmanager
    async def listen(self, *streams: str) -> AsyncIterator[Bell]:
        """A bell that rings for any of these streams. Take it first, then read the log."""
        bell = Bell()
        for stream in streams:
            self._bells[stream].add(bell)
        try:
            yield bell
        finally:
            for stream in streams:
                self._bells[stream].discard(bell)
                if not self._bells[stream]:
                    del self._bells[stream]

    async def run(self) -> None:
        """Carry rings to and from the other processes until cancelled."""
        async with self._broadcast, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._tell())

    async def _hear(self) -> None:
        async with self._broadcast.subscribe(_CHANNEL) as messages:
            while True:
                sender, names = orjson.loads((await messages.get()).message)
                if sender != self._me:
                    self._ring_here(set(self._bells) if names is None else names)

    async def _tell(self) -> None:
        """What gathered while the last ring was sent goes out as one."""
        while True:
            await self._unsent_any.wait()
            self._unsent_any.clear()
            names, self._unsent = self._unsent, set()
            named = None if len(names) > _MOST_NAMED else sorted(names)
            await self._broadcast.publish(_CHANNEL, orjson.dumps([self._me, named]).decode())

    def _ring_here(self, names: Iterable[str]) -> None:
        for name in names:
            for bell in self._bells.get(name, ()):
                bell.ring()
