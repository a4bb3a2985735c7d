"""What every resolver can reach while it answers one operation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.accounting.statement import CustodianFile
from app.infra.database import EnginePool, reading
from app.infra.hub import Hub
from app.infra.shared_reads import Fetch, SharedReads
from app.kernel.clock import Clock
from app.kernel.principal import Principal
from app.ledger.writers import Writers
from app.market.market import Market
from app.orders.engine import OrderEngine
from app.proof.seal import Seals
from resolvers.loaders import Loaders

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms of app, wired together. One per process."""

    api: AsyncEngine
    shared_reads: SharedReads
    engine_pool: EnginePool
    writers: Writers
    market: Market
    orders: OrderEngine
    hub: Hub
    custodian: CustodianFile | None
    clock: Clock
    seals: Seals
    sandbox_rail: bool
    simulated: bool


class Context:
    """One operation, or one subscription, of one caller.

    A query or mutation reads in one transaction, all as of one moment; a subscription reads anew for each event.
    The loaders live as long as what they have read is true.
    """

    def __init__(self, services: Services, principal: Principal, *, one_moment: bool = True) -> None:
        self.services = services
        self.principal = principal
        self.loaders = Loaders(self.read)
        self._one_moment = one_moment
        self._open = AsyncExitStack()
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self._over = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees the caller's tenant; one reader at a time."""
        if not self._one_moment:
            async with reading(self.services.api, self.principal.tenant_id) as connection:
                yield connection
            return
        async with self._turn:
            if self._over:
                # A loader's batch may outlive the field that asked for it, when that was given up.
                raise RuntimeError("the operation is over")
            if self._connection is None:
                opening = reading(self.services.api, self.principal.tenant_id)
                self._connection = await self._open.enter_async_context(opening)
            yield self._connection

    async def share(self, fetch: Fetch[K, V], key: K) -> V | None:
        """One thing of the caller's tenant, read together with what other operations ask for now.

        Not of the operation's own moment: for what comes before it, such as whether it is allowed at all.
        """
        return await self.services.shared_reads.load(self.principal.tenant_id, fetch, key)

    async def renew(self) -> None:
        """Forget what was read: after a change, and before each event of a subscription."""
        self.loaders = Loaders(self.read)
        await self._give_back()

    async def close(self) -> None:
        """The operation is over: give the connection back, once nobody reads on it any more."""
        self._over = True
        await self._give_back()

    async def _give_back(self) -> None:
        async with self._turn:
            self._connection = None
            await self._open.aclose()
