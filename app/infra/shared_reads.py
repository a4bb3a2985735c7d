"""Reads of many operations in one transaction: for reading what group commit is for writing.

While one transaction reads, what is asked for meanwhile gathers for the next; there is no timer. So many callers who
each need one row cost about as many transactions and statements as one. It is for what is found by a key, and may be
older by a moment than what its caller reads next: a query, all of one moment, has a transaction of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.infra.database import reading

K = TypeVar("K")
V = TypeVar("V")

#: Reads the things with these keys; what is absent is left out.
Fetch = Callable[[AsyncConnection, Sequence[K]], Awaitable[Mapping[K, V]]]


@dataclass(slots=True, eq=False)
class _Asked:
    fetch: Fetch[Any, Any]
    key: Any
    answer: asyncio.Future[Any]


class SharedReads:
    """One per process. Each tenant's reads are transactions of that tenant's own, one at a time."""

    def __init__(self, engine: AsyncEngine, *, most: int = 100) -> None:
        self._engine = engine
        self._most = most
        self._asked: dict[UUID, list[_Asked]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def load(self, tenant_id: UUID, fetch: Fetch[K, V], key: K) -> V | None:
        """What ``fetch`` finds for the key, as of a moment after it was asked for; None where that is nothing.

        Raises what the read raises: so do all that were read with it.
        """
        asked = _Asked(fetch, key, asyncio.get_running_loop().create_future())
        if tenant_id in self._asked:
            self._asked[tenant_id].append(asked)
        else:
            self._asked[tenant_id] = [asked]
            reader = asyncio.create_task(self._read(tenant_id), name=f"shared reads of {tenant_id}")
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        found: V | None = await asked.answer
        return found

    async def close(self) -> None:
        """Wait for the reads under way."""
        await asyncio.gather(*self._readers)

    async def _read(self, tenant_id: UUID) -> None:
        """Until nobody asks any more."""
        while waiting := self._asked[tenant_id]:
            now, self._asked[tenant_id] = waiting[: self._most], waiting[self._most :]
            # Whoever went away meanwhile needs no answer.
            now = [each for each in now if not each.answer.done()]
            try:
                if now:
                    await self._answer(tenant_id, now)
            except Exception as error:  # noqa: BLE001  theirs to handle
                for each in now:
                    if not each.answer.done():
                        each.answer.set_exception(error)
        del self._asked[tenant_id]

    async def _answer(self, tenant_id: UUID, asked: Sequence[_Asked]) -> None:
        groups: dict[Fetch[Any, Any], list[_Asked]] = {}
        for each in asked:
            groups.setdefault(each.fetch, []).append(each)
        found: dict[Fetch[Any, Any], Mapping[Any, Any]] = {}
        async with reading(self._engine, tenant_id, by_key=True) as connection:
            for fetch, group in groups.items():
                found[fetch] = await fetch(connection, list({each.key: None for each in group}))
        for each in asked:
            if not each.answer.done():
                each.answer.set_result(found[each.fetch].get(each.key))
