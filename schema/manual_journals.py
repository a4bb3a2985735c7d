"""Journals by hand: one operator proposes, another decides."""

import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from app.accounting import types
from app.ledger.chart import asset_of, kind_of
from app.ledger.types import Leg
from resolvers import accounting as resolve_accounting
from resolvers import manual_journals as resolve
from resolvers.ids import encode_id
from resolvers.paging import asked_page
from schema.accounts import Account
from schema.enums import describe
from schema.journal import JournalEntry, LedgerAccountKind
from schema.relay import After, Before, First, Info, Last, Node, connection
from schema.scalars import Decimal

JournalKind: TypeAlias = types.JournalKind
describe(
    JournalKind,
    "ManualJournalKind",
    "What sort of journal an operator wrote.",
    {
        "ADJUSTMENT": "Lines of any sort; customers see it as MANUAL_JOURNAL.",
        "FEE": "A customer is charged: SETTLED (or, as a debt, RECEIVABLE) to FEES, and FIRM_BANK to FBO as much as "
        "is settled.",
        "INTEREST": "The firm pays a customer: CASH to SETTLED (or, against a debt, RECEIVABLE), and FBO to FIRM_BANK "
        "as much as is settled.",
        "TRANSFER": "Settled dollars go from one customer's account to another's: one line, SETTLED to SETTLED.",
        "REVERSAL": "An earlier entry is taken back; proposed by `proposeReversal`.",
    },
)
JournalStatus: TypeAlias = types.JournalStatus
describe(
    JournalStatus,
    "ManualJournalStatus",
    "Where a journal by hand stands. All but the first are final.",
    {
        "PROPOSED": "Another operator has to decide.",
        "POSTED": "It was approved and posted.",
        "REJECTED": "Another operator rejected it.",
        "WITHDRAWN": "Who had proposed it withdrew it.",
        "EXPIRED": "Nobody decided within seven days.",
    },
)

Journal_ = strawberry.Parent[types.ManualJournal]
Line_ = strawberry.Parent[Leg]


def _side(name: str) -> Any:
    def side(root: Line_) -> LedgerAccountKind:
        return kind_of(getattr(root, name))

    return side


def _asset(root: Line_, info: Info) -> str:
    return resolve_accounting.asset_name(info.context, asset_of(root.debit))


@strawberry.type(description="A line of a journal by hand.")
class ManualJournalLine:
    debit: LedgerAccountKind = strawberry.field(resolver=_side("debit"), description="Where it comes from.")
    credit: LedgerAccountKind = strawberry.field(resolver=_side("credit"), description="Where it goes.")
    amount: Decimal = strawberry.field(description="How much.")
    asset: str = strawberry.field(resolver=_asset, description="Of what: USD, or an instrument's symbol.")


def _journal_id(root: Journal_) -> strawberry.ID:
    return strawberry.ID(encode_id("ManualJournal", root.id))


def _account(name: str) -> Any:
    async def account(root: Journal_, info: Info) -> Any:
        return await resolve.account(info.context, getattr(root, name))

    return account


def _entry(name: str) -> Any:
    async def entry(root: Journal_, info: Info) -> Any:
        return await resolve.entry(info.context, root, getattr(root, name))

    return entry


@strawberry.type(description="A journal that an operator wrote, or a reversal, about which another one decides.")
class ManualJournal(Node):
    id: strawberry.ID = strawberry.field(resolver=_journal_id, description="Opaque and stable.")
    kind: JournalKind = strawberry.field(description="What sort it is.")
    status: JournalStatus = strawberry.field(description="Where it stands.")
    account: Account | None = strawberry.field(
        resolver=_account("account_id"),
        description="The customer's account that it concerns; null if it concerns none.",
    )
    to_account: Account | None = strawberry.field(
        resolver=_account("to_account_id"), description="The account that a transfer goes to; null for other kinds."
    )
    lines: list[ManualJournalLine] = strawberry.field(
        description="What it moves; of a reversal, the original's transfers the other way."
    )
    reverses: JournalEntry | None = strawberry.field(resolver=_entry("reverses"), description="What it takes back.")
    reason: str = strawberry.field(description="Why. Customers don't see it.")
    effective_at: datetime.datetime | None = strawberry.field(
        description="When it takes effect, on the market's clock; null: when it is posted."
    )
    proposed_by: str = strawberry.field(description="Who proposed it: an opaque reference.")
    proposed_at: datetime.datetime = strawberry.field(description="When.")
    expires_at: datetime.datetime = strawberry.field(description="Until when it can be decided.")
    decided_by: str | None = strawberry.field(description="Who decided: an opaque reference, or `engine`.")
    decided_at: datetime.datetime | None = strawberry.field(description="When.")
    decision: str | None = strawberry.field(description="What who decided had to say.")
    entry: JournalEntry | None = strawberry.field(
        resolver=_entry("position"), description="What was posted; of a transfer, in `account`."
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, types.ManualJournal)


Status = Annotated[JournalStatus | None, strawberry.argument(description="Only journals that stand so.")]


async def manual_journals(
    info: Info,
    status: Status = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    """Journals by hand."""
    page = await resolve.journals_page(info.context, status, asked_page(first, after, last, before, UUID))
    return connection(page, lambda journal: journal.id)
