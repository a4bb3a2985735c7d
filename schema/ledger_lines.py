"""The general ledger, line by line, and its accounts."""

import datetime
from typing import Annotated, Any

import strawberry

from app.accounting import general_ledger as ledger
from app.accounting import reads
from app.accounting.general_ledger import LineKey
from resolvers import accounting as resolve
from resolvers.desk import Desk
from resolvers.ids import encode_cursor, encode_id
from resolvers.paging import asked_page
from schema.accounting import ASSET, asset_name
from schema.event_types import EventType
from schema.journal import BookKind, LedgerAccountKind
from schema.relay import After, Before, Edge, First, Info, Last, Node, PageInfo, connection
from schema.scalars import Decimal

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
    asset: str = strawberry.field(description=ASSET)
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
    asset: str = strawberry.field(resolver=asset_name, description=ASSET)
    balance: Decimal = strawberry.field(description="Its balance: credits less debits.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, reads.LedgerAccount)


Desk_ = strawberry.Parent[Desk]
From = Annotated[
    datetime.date | None,
    strawberry.argument(name="from", description="Only what took effect on this day (New York) or later."),
]
To = Annotated[
    datetime.date | None, strawberry.argument(description="Only what took effect on this day (New York) or earlier.")
]


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
