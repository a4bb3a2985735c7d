"""Accounts: cash in its kinds, positions, value, orders and the journal."""

import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from app.clients import types as clients
from resolvers import accounts as resolve
from resolvers import history as resolve_history
from resolvers import market as resolve_market
from resolvers.ids import encode_id
from resolvers.paging import asked_page, number_key
from schema.cash import CashBalances
from schema.enums import describe
from schema.history import BalanceEntry, Moment, PastPosition, Restatement, asked_moment
from schema.journal import JournalEntry, LedgerAccountKind
from schema.market import Instrument
from schema.money import Money, dollars
from schema.orders import Order
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection
from schema.scalars import Decimal

AccountStatus: TypeAlias = clients.AccountStatus
describe(
    AccountStatus,
    "AccountStatus",
    "Whether an account may be used.",
    {"ACTIVE": "It may be used.", "CLOSED": "It is closed; only a deal of it that is taken back opens it again."},
)


Holding_ = strawberry.Parent[resolve.Holding]


def _held_instrument(root: Holding_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.position.asset)


def _quantity(name: str) -> Any:
    def quantity(root: Holding_) -> Any:
        return getattr(root.position, name)

    return quantity


def _worth(name: str) -> Any:
    def worth(root: Holding_) -> Any:
        return dollars(getattr(root, name))

    return worth


@strawberry.type(description="What an account has of one instrument.")
class Position:
    instrument: Instrument = strawberry.field(resolver=_held_instrument, description="Of what.")
    quantity: Decimal = strawberry.field(resolver=_quantity("quantity"), description="How many, trade date.")
    held: Decimal = strawberry.field(resolver=_quantity("held"), description="How many stand behind open sell orders.")
    available: Decimal = strawberry.field(resolver=_quantity("available"), description="How many can be sold now.")
    cost: Money = strawberry.field(resolver=_worth("cost"), description="What the open lots cost.")
    average_cost: Money = strawberry.field(resolver=_worth("average_cost"), description="What one cost on average.")
    market_value: Money | None = strawberry.field(
        resolver=_worth("market_value"), description="What it is worth at the last price."
    )
    gain: Money | None = strawberry.field(
        resolver=_worth("gain"), description="Market value less cost: not yet realised."
    )


def _value(name: str) -> Any:
    def value(root: strawberry.Parent[resolve.Value]) -> Any:
        return dollars(getattr(root, name))

    return value


@strawberry.type(description="What an account is worth at a moment.")
class AccountValue:
    total: Money = strawberry.field(resolver=_value("total"), description="Cash and positions together.")
    cash: Money = strawberry.field(resolver=_value("cash"), description="All dollars, held or not, less what is owed.")
    positions: Money = strawberry.field(resolver=_value("positions"), description="All positions at the last price.")
    at: datetime.datetime = strawberry.field(description="The moment, on the market's clock.")


Account_ = strawberry.Parent[clients.Account]


def _account_id(root: Account_) -> strawberry.ID:
    return strawberry.ID(encode_id("Account", root.id))


async def _cash(root: Account_, info: Info) -> Any:
    return await resolve.cash(info.context, root)


async def _account_value(root: Account_, info: Info) -> Any:
    return await resolve.value(info.context, root)


async def _positions(
    root: Account_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.holdings_page(info.context, root, asked_page(first, after, last, before, number_key))
    return connection(page, lambda holding: holding.position.asset)


async def _orders(
    root: Account_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.orders(info.context, root, asked_page(first, after, last, before, UUID))
    return connection(page, lambda order: order.id)


async def _activity(
    root: Account_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.activity(info.context, root, asked_page(first, after, last, before, number_key))
    return connection(page, lambda event: event.sequence)


At = Annotated[Moment, strawberry.argument(description="When.")]
EffectiveAt = Annotated[
    datetime.datetime, strawberry.argument(description="The time it is about, on the market's clock.")
]
KnownAt = Annotated[
    datetime.datetime, strawberry.argument(description="Since when to look: what was recorded after that.")
]
BalanceKind = Annotated[LedgerAccountKind, strawberry.argument(description="Which balance of the account.")]
Symbol = Annotated[str | None, strawberry.argument(description="Of which instrument; of dollars if it is left out.")]


async def _cash_at(root: Account_, info: Info, moment: At) -> Any:
    return await resolve_history.cash_at(info.context, root, asked_moment(moment))


async def _positions_at(
    root: Account_,
    info: Info,
    moment: At,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    asked = asked_page(first, after, last, before, number_key)
    page = await resolve_history.positions_at(info.context, root, asked_moment(moment), asked)
    return connection(page, lambda position: position.asset)


async def _restated(root: Account_, info: Info, effective_at: EffectiveAt, known_at: KnownAt) -> Any:
    return await resolve_history.restated_since(info.context, root, effective_at, known_at)


async def _explain(
    root: Account_,
    info: Info,
    kind: BalanceKind,
    symbol: Symbol = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    asked = asked_page(first, after, last, before, number_key)
    page = await resolve_history.explain(info.context, root, kind, symbol, asked)
    return connection(page, lambda explained: explained.entry.key)


async def _history_from(root: Account_, info: Info) -> Any:
    return await resolve_history.history_from(info.context, root)


@strawberry.type(description="An investor's account.")
class Account(Node):
    id: strawberry.ID = strawberry.field(resolver=_account_id, description="Opaque and stable.")
    name: str = strawberry.field(description="How its owner calls it.")
    status: AccountStatus = strawberry.field(description="Whether it may be used.")
    opened_at: datetime.datetime = strawberry.field(description="When it was opened.")
    cash: CashBalances = strawberry.field(resolver=_cash, description="Its dollars by kind.")
    value: AccountValue = strawberry.field(resolver=_account_value, description="What it is worth now.")
    positions: Connection[Position] = strawberry.field(resolver=_positions, description="What it holds.")
    orders: Connection[Order] = strawberry.field(resolver=_orders, description="Its orders, newest first.")
    activity: Connection[JournalEntry] = strawberry.field(
        resolver=_activity,
        description="Its journal, newest first: everything that ever happened in it, or where `historyFrom` is a time, "
        "everything since then; the pages end there.",
    )
    history_from: datetime.datetime | None = strawberry.field(
        resolver=_history_from,
        description="Null while all of its journal is at hand. Otherwise entries recorded up to this time may be "
        "archived: `activity` and `explain` end there, and the archive has what was before.",
    )
    cash_at: CashBalances = strawberry.field(resolver=_cash_at, description="Its dollars by kind, at another time.")
    positions_at: Connection[PastPosition] = strawberry.field(
        resolver=_positions_at, description="What it held at another time."
    )
    restated: Restatement = strawberry.field(
        resolver=_restated, description="What has changed since then about what had taken effect by a time."
    )
    explain: Connection[BalanceEntry] = strawberry.field(
        resolver=_explain,
        description="What a balance is made of, newest first: each entry with the event behind it, and so down to "
        "orders, executions and transfers. The changes add up to the balance, but where `historyFrom` is a time: there "
        "they begin with what the balance was by then.",
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, clients.Account)
