"""Accounts: cash in its kinds, positions, value, orders and the journal."""

import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from app.clients import types as clients
from app.ledger import types as ledger
from resolvers import accounts as resolve
from resolvers import market as resolve_market
from resolvers.ids import encode_id
from resolvers.paging import asked_page, number_key
from schema.enums import describe
from schema.errors import answer, codes
from schema.journal import JournalEntry
from schema.keys import Key
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
    {"ACTIVE": "It may be used.", "CLOSED": "It is closed for good."},
)


def _cash_kind(name: str) -> Any:
    def kind(root: strawberry.Parent[ledger.Cash]) -> Any:
        return dollars(getattr(root, name))

    return kind


def _owed(root: strawberry.Parent[ledger.Cash]) -> Any:
    return dollars(-root.receivable)


@strawberry.type(description="An account's dollars. What can be spent, withdrawn and is settled are different figures.")
class CashBalances:
    settled: Money = strawberry.field(resolver=_cash_kind("settled"), description="Yours without any doubt.")
    unsettled: Money = strawberry.field(
        resolver=_cash_kind("unsettled"), description="Proceeds of sales that have not settled yet."
    )
    instant: Money = strawberry.field(
        resolver=_cash_kind("instant"), description="Advanced to you while a deposit is under way."
    )
    pending: Money = strawberry.field(resolver=_cash_kind("pending"), description="A deposit under way.")
    held: Money = strawberry.field(resolver=_cash_kind("held"), description="Set aside for open orders.")
    owed: Money = strawberry.field(resolver=_owed, description="What you owe us; deposits and proceeds repay it first.")
    buying_power: Money = strawberry.field(
        resolver=_cash_kind("buying_power"), description="What you can order for now: settled, unsettled and instant."
    )
    withdrawable: Money = strawberry.field(
        resolver=_cash_kind("withdrawable"), description="What you can take out now: settled, while nothing is owed."
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
        resolver=_activity, description="Its journal, newest first: everything that ever happened in it."
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, clients.Account)


OpenAccountErrorCode = codes(
    "OpenAccountErrorCode",
    "an account was not opened",
    {"NAME_INVALID": "The name is empty, too long or has characters that can't be shown."},
)


@strawberry.type(description="Why an account was not opened.")
class OpenAccountError:
    code: Any = strawberry.field(graphql_type=OpenAccountErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class OpenAccountPayload:
    account: Account | None = strawberry.field(default=None, description="The new account.")
    errors: list[OpenAccountError] = strawberry.field(description="Why there is none; empty if there is.")


Name = Annotated[str, strawberry.argument(description="How you call it, in 1 to 60 characters.")]


async def open_account(info: Info, name: Name, idempotency_key: Key) -> Any:
    """Open an account."""

    async def work() -> dict[str, Any]:
        return {"account": await resolve.open_account(info.context, name, idempotency_key)}

    return await answer(OpenAccountPayload, OpenAccountError, OpenAccountErrorCode, work())


CloseAccountErrorCode = codes(
    "CloseAccountErrorCode",
    "an account was not closed",
    {
        "ALREADY_CLOSED": "It is closed already.",
        "NOT_EMPTY": "Money, shares or debts are left in it: the message says which.",
        "OPEN_ORDERS": "Orders are open in it.",
    },
)


@strawberry.type(description="Why an account was not closed.")
class CloseAccountError:
    code: Any = strawberry.field(graphql_type=CloseAccountErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class CloseAccountPayload:
    account: Account | None = strawberry.field(default=None, description="The account, closed for good.")
    errors: list[CloseAccountError] = strawberry.field(description="Why it was not; empty if it was.")


AccountId = Annotated[strawberry.ID, strawberry.argument(description="Which account.")]


async def close_account(info: Info, account_id: AccountId, idempotency_key: Key) -> Any:
    """Close an account."""

    async def work() -> dict[str, Any]:
        return {"account": await resolve.close_account(info.context, account_id, idempotency_key)}

    return await answer(CloseAccountPayload, CloseAccountError, CloseAccountErrorCode, work())
