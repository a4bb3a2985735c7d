"""A site in which a good deal has happened, for requests that must change nothing of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.close import CloseAccount, close_accounts
from app.clients.open import OpenAccount, open_accounts
from app.clients.reads import accounts_by_id
from app.infra.database import reading
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.kernel.principal import Role, Scope
from app.ledger.books import open_tenant
from resolvers.ids import encode_id, uuid_in
from tests.api.operations import money, opened, placed
from tests.api.site import Client, Site


@dataclass(frozen=True)
class Situation:
    """Ann has settled and unsettled cash, shares of AAPL, an open order and a closed account. Bob is another user of
    her tenant, Carl one of another tenant."""

    site: Site
    ann: Client
    bob: Client
    reader: Client
    trader: Client
    operator: Client
    ids: dict[str, str]

    def id(self, name: str) -> str:
        """The id of that name, or what is no name is an id already."""
        return self.ids.get(name, name)


@asynccontextmanager
async def situation(site: Site) -> AsyncIterator[Situation]:
    """Let it all happen."""
    async with AsyncExitStack() as stack:
        ann = await stack.enter_async_context(site.client())
        bob = await stack.enter_async_context(site.client())
        reader = await stack.enter_async_context(site.client(ann.user_id, scopes=[Scope.READ]))
        trader = await stack.enter_async_context(site.client(ann.user_id, scopes=[Scope.TRADE, Scope.MOVE_CASH]))
        operator = await stack.enter_async_context(site.client(roles=[Role.OPERATOR]))
        ids = {"mine": await opened(ann, "1000.00"), "closed": await opened(ann), "bobs": await opened(bob, "100.00")}
        await placed(ann, ids["mine"], "BUY", "AAPL", amount=money("200.00"))
        await site.world.pass_time(200)
        ids["filled"] = await placed(ann, ids["mine"], "SELL", "AAPL", amount=money("100.00"))
        await site.world.pass_time(200)
        ids["open"] = await placed(ann, ids["mine"], "BUY", "AAPL", amount=money("5.00"))
        ids["bobs order"] = await placed(bob, ids["bobs"], "BUY", "AAPL", amount=money("5.00"))
        await close(site, ids["closed"])
        ids["elsewhere"] = await other_tenant(site)
        ids["nowhere"] = encode_id("Account", new_id())
        ids["no order"] = encode_id("Order", new_id())
        del site.world.quotes.prices[site.world.instrument("RRC").id]
        yield Situation(site, ann, bob, reader, trader, operator, ids)


async def close(site: Site, account: str) -> None:
    """Close an empty account; the API has no operation for it."""
    id_ = uuid_in(account, "Account")
    async with site.world.read() as connection:
        found = (await accounts_by_id(connection, [id_]))[id_]
    await site.world.commits.submit(close_accounts, CloseAccount(found, "test"))


async def other_tenant(site: Site) -> str:
    """The id of an account of another tenant, with money in it."""
    world = site.world
    async with world.pool.acquire() as connection:
        journal = await open_tenant(connection, f"tenant {new_id()}", world.clock.now())
    commits = await world.writers.of(journal.tenant_id)
    id_ = await commits.submit(open_accounts, OpenAccount(new_id(), "Test", "test"))
    async with reading(world.api, journal.tenant_id) as read:
        account = (await accounts_by_id(read, [id_]))[id_]
    await commits.submit(deposit, CashMovement(account.book_id, 100 * UNIT, "test"))
    return encode_id("Account", id_)
