"""The firm's books: trial balance and daily closes."""

import datetime
from typing import Annotated, Any

import strawberry

from app.accounting import trial_balance, types
from resolvers import accounting as resolve
from resolvers.desk import Desk
from resolvers.ids import encode_cursor, encode_id
from resolvers.paging import asked_page, number_key
from schema.journal import BookKind, JournalEntry, LedgerAccountKind
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection
from schema.scalars import Decimal

_DEBIT, _CREDIT = "What stands in the debit column.", "What stands in the credit column."
ASSET = "Of what: USD, or an instrument's symbol."


def asset_name(root: Any, info: Info) -> str:
    """USD, or an instrument's symbol."""
    return resolve.asset_name(info.context, root.asset)


@strawberry.type(description="All ledger accounts of one kind and asset, not netted against each other.")
class TrialBalanceRow:
    book: BookKind = strawberry.field(description="In whose books.")
    kind: LedgerAccountKind = strawberry.field(description="Which ledger accounts.")
    asset: str = strawberry.field(resolver=asset_name, description=ASSET)
    accounts: int = strawberry.field(description="How many of them are not at zero.")
    debit: Decimal = strawberry.field(description=_DEBIT)
    credit: Decimal = strawberry.field(description=_CREDIT)


@strawberry.type(description="The two columns of an asset.")
class TrialBalanceTotal:
    asset: str = strawberry.field(resolver=asset_name, description=ASSET)
    debit: Decimal = strawberry.field(description=_DEBIT)
    credit: Decimal = strawberry.field(description=_CREDIT)
    balanced: bool = strawberry.field(description="Whether they are equal, or something is wrong.")


def _books_cursor(root: strawberry.Parent[trial_balance.TrialBalance]) -> str:
    return encode_cursor(root.position)


@strawberry.type(description="What every sort of ledger account adds up to, as of an entry of the journal.")
class TrialBalance:
    cursor: str = strawberry.field(resolver=_books_cursor, description="The last entry that it covers.")
    balanced: bool = strawberry.field(description="Whether debits equal credits in every asset.")
    hash: str = strawberry.field(description="SHA-256 of its rows: the same books have the same.")
    rows: list[TrialBalanceRow] = strawberry.field(description="By kind and asset.")
    totals: list[TrialBalanceTotal] = strawberry.field(description="By asset.")


@strawberry.type(description="Shares that can't be accounted for.")
class MissingShares:
    asset: str = strawberry.field(resolver=asset_name, description="Of what: an instrument's symbol.")
    difference: Decimal = strawberry.field(description="How many more we have than the custodian and the street.")


Close_ = strawberry.Parent[types.DailyClose]


def _close_id(root: Close_) -> strawberry.ID:
    return strawberry.ID(encode_id("DailyClose", root.id))


def _close_cursor(root: Close_) -> str:
    return encode_cursor(root.position)


async def _close_books(root: Close_, info: Info) -> Any:
    return await resolve.trial_balance_of(info.context, root)


async def _changes(
    root: Close_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.changes_page(info.context, root, asked_page(first, after, last, before, number_key))
    return connection(page, lambda event: event.position)


@strawberry.type(description="What the books said at the end of a business date. It never changes.")
class DailyClose(Node):
    id: strawberry.ID = strawberry.field(resolver=_close_id, description="Opaque and stable.")
    business_date: datetime.date = strawberry.field(description="Which date: a session of the stock exchange.")
    ends_at: datetime.datetime = strawberry.field(
        description="The first moment, on the market's clock, that is not of this date any more."
    )
    cursor: str = strawberry.field(resolver=_close_cursor, description="The last entry that it covers.")
    hash: str = strawberry.field(description="SHA-256 of the trial balance as of that entry.")
    totals: list[TrialBalanceTotal] = strawberry.field(description="The two columns of each asset.")
    balanced: bool = strawberry.field(description="Whether debits equal credits in every asset.")
    custody: list[MissingShares] = strawberry.field(description="Shares that can't be accounted for: none.")
    closed_by: str = strawberry.field(description="Who closed it: an opaque reference, or `engine`.")
    closed_at: datetime.datetime = strawberry.field(description="When that was recorded.")
    trial_balance: TrialBalance = strawberry.field(
        resolver=_close_books, description="The whole trial balance, as it was kept: its hash is the same."
    )
    changes: Connection[JournalEntry] = strawberry.field(
        resolver=_changes,
        description="Changed since: entries recorded after it that took effect before its end, oldest first.",
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, types.DailyClose)


Desk_ = strawberry.Parent[Desk]
At = Annotated[
    str | None,
    strawberry.argument(description="As of this entry: a cursor of the desk, its events or a close."),
]


async def trial_balance_now(root: Desk_, info: Info, at: At = None) -> Any:
    """The books."""
    return await resolve.trial_balance(info.context, root, at)


async def closes(
    root: Desk_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    """Daily closes."""
    asked = asked_page(first, after, last, before, datetime.date.fromisoformat)
    return connection(await resolve.closes_page(info.context, root, asked), lambda close: close.business_date)
