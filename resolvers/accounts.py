"""Accounts: finding them, what is in them, what happened in them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.clients.close import CloseAccount
from app.clients.open import OpenAccount, check, open_accounts
from app.clients.reads import accounts_of
from app.clients.types import Account
from app.corporate_actions.close_account import close_without_dividends
from app.identity.policy import Action, require
from app.kernel.events import Event
from app.kernel.money import multiply
from app.kernel.paging import Page, PageOf
from app.ledger.idempotency import idempotency_key
from app.ledger.types import Cash, Position
from app.orders.types import Order
from resolvers.context import Context
from resolvers.paging import slice_page
from resolvers.requests import account_for, parse_key, permitted


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with what it cost and what it is worth. Units of 1e-8; ``price`` is the last, or None."""

    position: Position
    cost: int
    price: int | None

    @property
    def market_value(self) -> int | None:
        return None if self.price is None else multiply(self.position.quantity, self.price)

    @property
    def average_cost(self) -> int:
        return (2 * self.cost * 10**8 + self.position.quantity) // (2 * self.position.quantity)

    @property
    def gain(self) -> int | None:
        return None if self.market_value is None else self.market_value - self.cost


@dataclass(frozen=True, slots=True)
class Value:
    """What an account is worth at a moment of market time."""

    cash: int
    positions: int
    at: datetime

    @property
    def total(self) -> int:
        return self.cash + self.positions


async def find(context: Context, account_id: UUID) -> Account | None:
    """The account, if the caller may see it."""
    account = await context.loaders.account.load(account_id)
    return account if account is not None and permitted(context, Action.VIEW_ACCOUNT, account) else None


async def own(context: Context, asked: PageOf[UUID]) -> Page[Account]:
    """The caller's own accounts."""
    require(
        context.principal,
        Action.VIEW_ACCOUNT,
        tenant_id=context.principal.tenant_id,
        owner_id=context.principal.user_id,
    )
    async with context.read() as connection:
        return await accounts_of(connection, context.principal.user_id, asked)


async def cash(context: Context, account: Account) -> Cash:
    """The account's dollars by kind."""
    return await context.loaders.cash.load(account.book_id)


async def holdings(context: Context, account: Account) -> list[Holding]:
    """Every open position of the account, by instrument."""
    positions = await context.loaders.positions.load(account.book_id)
    costs = await context.loaders.costs.load(account.book_id)
    return [_holding(context, position, costs.get(position.asset, 0)) for position in positions]


async def holdings_page(context: Context, account: Account, asked: PageOf[int]) -> Page[Holding]:
    """A page of the account's positions, keyed by instrument."""
    return slice_page(await holdings(context, account), asked, lambda holding: holding.position.asset)


async def value(context: Context, account: Account) -> Value:
    """What the account is worth now, at last prices."""
    balances = await cash(context, account)
    positions = await context.loaders.positions.load(account.book_id)
    worth = sum(_holding(context, position, 0).market_value or 0 for position in positions)
    return Value(balances.total, worth, context.services.market.clock.now())


async def orders(context: Context, account: Account, asked: PageOf[UUID]) -> Page[Order]:
    """The account's orders, newest first."""
    return await context.loaders.orders.load((account.id, asked))


async def activity(context: Context, account: Account, asked: PageOf[int]) -> Page[Event]:
    """The account's journal, newest first."""
    return await context.loaders.activity.load((account.book_id, asked))


async def open_account(context: Context, name: str, key: str) -> Account:
    """Open an account for the caller. Raises a ``Refusal``."""
    principal = context.principal
    require(principal, Action.OPEN_ACCOUNT)
    command = OpenAccount(principal.user_id, name, principal.actor)
    check(command)
    request = idempotency_key(principal.actor, parse_key(key), "openAccount", {"name": name})
    writer = await context.services.writers.of(principal.tenant_id)
    account_id = await writer.submit(open_accounts, command, request)
    await context.renew()
    account = await context.loaders.account.load(account_id)
    assert account is not None, "it was committed just now"
    return account


async def close_account(context: Context, account_id: str, key: str) -> Account:
    """Close the caller's account for good. Raises a ``Refusal``; then nothing has changed."""
    found = await account_for(context, account_id, Action.CLOSE_ACCOUNT)
    principal = context.principal
    request = idempotency_key(principal.actor, parse_key(key), "closeAccount", {"account": str(found.id)})
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    await writer.submit(close_without_dividends, CloseAccount(found, principal.actor), request)
    await context.renew()
    account = await context.loaders.account.load(found.id)
    assert account is not None, "it was there just now"
    return account


def _holding(context: Context, position: Position, cost: int) -> Holding:
    quote = context.services.market.quote(position.asset)
    return Holding(position, cost, quote.last if quote else None)
