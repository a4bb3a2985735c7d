"""The firm's books: trial balance, daily closes, the general ledger and the customer reserve."""

import datetime
from typing import Annotated, Any

import strawberry

from app.accounting import general_ledger as ledger
from app.accounting import reads, reserve, trial_balance, types
from app.accounting.general_ledger import LineKey
from resolvers import accounting as resolve
from resolvers.desk import Desk
from resolvers.ids import encode_cursor, encode_id
from resolvers.paging import asked_page, number_key
from schema.event_types import EventType
from schema.journal import BookKind, JournalEntry, LedgerAccountKind
from schema.money import Money, dollars
from schema.relay import After, Before, Connection, Edge, First, Info, Last, Node, PageInfo, connection
from schema.scalars import Decimal

_DEBIT, _CREDIT = "What stands in the debit column.", "What stands in the credit column."
_ASSET = "Of what: USD, or an instrument's symbol."


def _asset(root: Any, info: Info) -> str:
    return resolve.asset_name(info.context, root.asset)


@strawberry.type(description="All ledger accounts of one kind and asset, not netted against each other.")
class TrialBalanceRow:
    book: BookKind = strawberry.field(description="In whose books.")
    kind: LedgerAccountKind = strawberry.field(description="Which ledger accounts.")
    asset: str = strawberry.field(resolver=_asset, description=_ASSET)
    accounts: int = strawberry.field(description="How many of them are not at zero.")
    debit: Decimal = strawberry.field(description=_DEBIT)
    credit: Decimal = strawberry.field(description=_CREDIT)


@strawberry.type(description="The two columns of an asset.")
class TrialBalanceTotal:
    asset: str = strawberry.field(resolver=_asset, description=_ASSET)
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
    asset: str = strawberry.field(resolver=_asset, description="Of what: an instrument's symbol.")
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
        resolver=_close_books, description="The whole trial balance, added up again now: its hash must be the same."
    )
    changes: Connection[JournalEntry] = strawberry.field(
        resolver=_changes,
        description="Changed since: entries recorded after it that took effect before its end, oldest first.",
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, types.DailyClose)


Line_ = strawberry.Parent[ledger.LedgerLine]


def _line_cursor(root: Line_) -> str:
    return encode_cursor(root.key.position)


def _line_account(root: Line_) -> strawberry.ID | None:
    found = resolve.account_id(root)
    return None if found is None else strawberry.ID(found)


@strawberry.type(description="One side of a transfer in the general ledger.")
class GeneralLedgerLine:
    cursor: str = strawberry.field(resolver=_line_cursor, description="The journal entry's place in the whole journal.")
    type: EventType = strawberry.field(description="What happened.")
    kind: LedgerAccountKind = strawberry.field(description="Which ledger account.")
    book: BookKind = strawberry.field(description="In whose book.")
    account_id: strawberry.ID | None = strawberry.field(
        resolver=_line_account, description="The customer's account, if it is one's."
    )
    asset: str = strawberry.field(description=_ASSET)
    debit: Decimal | None = strawberry.field(description="What left the account, if this is the debit side.")
    credit: Decimal | None = strawberry.field(description="What came to the account, if this is the credit side.")
    balance: Decimal = strawberry.field(description="The account's balance afterwards: credits less debits.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    effective_at: datetime.datetime = strawberry.field(description="When it took effect, on the market's clock.")


Page_ = strawberry.Parent[resolve.LedgerPage]


def _page(name: str) -> Any:
    def part(root: Page_) -> Any:
        return getattr(connection(root.page, lambda line: line.key), name)

    return part


@strawberry.type(name="GeneralLedgerLineConnection", description="A page of the general ledger.")
class GeneralLedgerPage:
    edges: list[Edge[GeneralLedgerLine]] = strawberry.field(
        resolver=_page("edges"), description="The lines with their cursors."
    )
    page_info: PageInfo = strawberry.field(resolver=_page("page_info"), description="Where this page stands.")
    history_from: datetime.datetime | None = strawberry.field(
        description="Null while all lines of the days asked for are at hand. Otherwise some that were recorded up to "
        "this time are archived: no page has them, the archive does."
    )


@strawberry.type(description="A line of the customer reserve formula.")
class CustomerReserveLine:
    number: str = strawberry.field(description="Its number in Exhibit A.")
    title: str = strawberry.field(description="Its title.")
    debit: bool = strawberry.field(description="Whether it counts among the debits.")
    amount: Money | None = strawberry.field(
        resolver=lambda root: dollars(root.amount), description="How much; null if the line does not apply."
    )
    note: str = strawberry.field(description="What it is made of here, or why it does not apply.")


def _reserve(name: str) -> Any:
    def figure(root: strawberry.Parent[reserve.CustomerReserve]) -> Any:
        return dollars(getattr(root, name))

    return figure


def _reserve_cursor(root: strawberry.Parent[reserve.CustomerReserve]) -> str:
    return encode_cursor(root.position)


@strawberry.type(
    description="What must stand in the bank account for the benefit of customers, by the formula of SEC Rule 15c3-3a "
    "as far as cash accounts fill it in: a figure to watch, not a filing."
)
class CustomerReserve:
    cursor: str = strawberry.field(resolver=_reserve_cursor, description="The last entry that it covers.")
    lines: list[CustomerReserveLine] = strawberry.field(description="Every line of Exhibit A.")
    credits: Money = strawberry.field(resolver=_reserve("credits"), description="All credits.")
    debits: Money = strawberry.field(resolver=_reserve("debits"), description="All debits.")
    required: Money = strawberry.field(resolver=_reserve("required"), description="Credits less debits; at least zero.")
    deposited: Money = strawberry.field(resolver=_reserve("deposited"), description="What stands in the account.")
    excess: Money = strawberry.field(
        resolver=_reserve("excess"), description="What stands there more than required; below zero: deposit so much."
    )


LedgerAccount_ = strawberry.Parent[reads.LedgerAccount]


def _ledger_account_id(root: LedgerAccount_) -> strawberry.ID:
    return strawberry.ID(encode_id("LedgerAccount", root.number))


def _ledger_account_book(root: LedgerAccount_) -> BookKind:
    return root.kind.book_kind


@strawberry.type(description="An account of the ledger, for operators.")
class LedgerAccount(Node):
    id: strawberry.ID = strawberry.field(resolver=_ledger_account_id, description="Opaque and stable.")
    kind: LedgerAccountKind = strawberry.field(description="What it is for.")
    book: BookKind = strawberry.field(resolver=_ledger_account_book, description="In whose book it stands.")
    asset: str = strawberry.field(resolver=_asset, description=_ASSET)
    balance: Decimal = strawberry.field(description="Its balance: credits less debits.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, reads.LedgerAccount)


Desk_ = strawberry.Parent[Desk]
At = Annotated[
    str | None,
    strawberry.argument(description="As of this entry: a cursor of the desk, its events or a close."),
]
From = Annotated[
    datetime.date | None,
    strawberry.argument(name="from", description="Only what took effect on this day (New York) or later."),
]
To = Annotated[
    datetime.date | None, strawberry.argument(description="Only what took effect on this day (New York) or earlier.")
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


async def general_ledger(
    root: Desk_,
    info: Info,
    from_: From = None,
    to: To = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    """The general ledger."""
    asked = asked_page(first, after, last, before, LineKey.read)
    return await resolve.ledger_page(info.context, root, from_, to, asked)


async def customer_reserve(root: Desk_, info: Info) -> Any:
    """The customer reserve."""
    return await resolve.reserve(info.context, root)
