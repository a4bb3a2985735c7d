"""Journals by hand: one operator proposes, another decides."""

import datetime
from collections.abc import Awaitable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from app.accounting import types
from app.ledger.chart import Kind, asset_of, kind_of
from app.ledger.types import Leg
from resolvers import accounting as resolve_accounting
from resolvers import manual_journals as resolve
from resolvers.ids import encode_id
from resolvers.paging import asked_page
from schema.accounts import Account
from schema.enums import describe
from schema.errors import answer, codes
from schema.journal import JournalEntry, LedgerAccountKind
from schema.keys import Key
from schema.relay import After, Before, First, Info, Last, Node, connection
from schema.scalars import Decimal
from schema.shortage import Shortage

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


ManualJournalErrorCode = codes(
    "ManualJournalErrorCode",
    "a journal by hand was not proposed or not decided",
    {
        "LINES_INVALID": "There are no lines or too many, or one goes nowhere.",
        "KIND_NOT_ALLOWED": "Ledger accounts of this kind can't be moved by hand.",
        "KIND_MISMATCH": "The lines are not those of a journal of this kind.",
        "ACCOUNT_REQUIRED": "A line is a customer's and none is named, or one is named for nothing.",
        "ACCOUNT_CLOSED": "The customer's account is closed.",
        "ASSET_INVALID": "There is no such asset.",
        "AMOUNT_INVALID": "The amount is not positive, too large, or has too many decimals.",
        "REASON_INVALID": "The reason is empty, too long or has characters that can't be shown.",
        "EFFECTIVE_AT_INVALID": "It would take effect in the future, or before the books begin.",
        "NOT_REVERSIBLE": "An entry of this type is taken back in a way of its own, or moved nothing.",
        "ALREADY_REVERSED": "The entry was reversed, or is about to be.",
        "NOT_OPEN": "It is decided already, or its time ran out.",
        "FOUR_EYES": "Who proposed it can't approve it.",
        "NOT_YOURS": "Only who proposed it may withdraw it.",
        "INSUFFICIENT": "A ledger account has not enough; it stays proposed.",
        "MORE_THAN_OWED": "The customer does not owe that much; it stays proposed.",
    },
)


@strawberry.type(description="Why a journal by hand was not proposed or not decided.")
class ManualJournalError:
    code: Any = strawberry.field(graphql_type=ManualJournalErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")
    shortage: Shortage | None = strawberry.field(default=None, description="By how much it fell short, if that is why.")


@strawberry.type(description="What became of the request.")
class ManualJournalPayload:
    journal: ManualJournal | None = strawberry.field(default=None, description="The journal as it stands now.")
    errors: list[ManualJournalError] = strawberry.field(description="Why nothing was done; empty if it was.")


@strawberry.input(description="A line: from the account of one kind to that of another.")
class ManualJournalLineInput:
    debit: LedgerAccountKind = strawberry.field(description="Where it comes from. A customer's is `accountId`'s.")
    credit: LedgerAccountKind = strawberry.field(description="Where it goes.")
    amount: Decimal = strawberry.field(description="How much.")
    asset: str = strawberry.field(default="USD", description="Of what: USD, or an instrument's symbol.")


@strawberry.input(description="A journal to propose.")
class ManualJournalInput:
    lines: list[ManualJournalLineInput] = strawberry.field(description="1 to 50 lines, posted together or not at all.")
    reason: str = strawberry.field(description="Why, in 1 to 500 characters. Customers don't see it.")
    kind: JournalKind = strawberry.field(
        default=JournalKind.ADJUSTMENT, description="What it is, which its lines must be too. Not REVERSAL."
    )
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The customer's account that it concerns: one at most, in whose story it will stand."
    )
    to_account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The other customer's account, to which a TRANSFER goes."
    )
    effective_at: datetime.datetime | None = strawberry.field(
        default=None, description="When it takes effect, on the market's clock, not in the future; when posted if none."
    )


@strawberry.input(description="A reversal to propose.")
class ReversalInput:
    entry_id: strawberry.ID = strawberry.field(description="The journal entry to take back.")
    reason: str = strawberry.field(description="Why, in 1 to 500 characters. Customers don't see it.")
    effective_at: datetime.datetime | None = strawberry.field(
        default=None, description="When it takes effect, on the market's clock, not in the future; when posted if none."
    )


JournalArgument = Annotated[ManualJournalInput, strawberry.argument(description="The journal.")]
ReversalArgument = Annotated[ReversalInput, strawberry.argument(description="The reversal.")]
JournalId = Annotated[strawberry.ID, strawberry.argument(description="Which journal by hand.")]
Reason = Annotated[str, strawberry.argument(description="Why, in 1 to 500 characters.")]
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


async def propose_manual_journal(info: Info, input: JournalArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Propose a journal."""
    lines = [resolve.LineRequest(Kind(each.debit), Kind(each.credit), each.amount, each.asset) for each in input.lines]
    asked = resolve.JournalRequest(
        JournalKind(input.kind), input.account_id, input.to_account_id, lines, input.reason, input.effective_at
    )
    return await _answer(resolve.propose_journal(info.context, asked, idempotency_key))


async def propose_reversal(info: Info, input: ReversalArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Propose a reversal."""
    made = resolve.propose_reversal(info.context, input.entry_id, input.reason, input.effective_at, idempotency_key)
    return await _answer(made)


async def approve_manual_journal(info: Info, journal_id: JournalId, idempotency_key: Key) -> Any:
    """Approve."""
    return await _answer(resolve.approve_journal(info.context, journal_id, idempotency_key))


async def reject_manual_journal(info: Info, journal_id: JournalId, reason: Reason, idempotency_key: Key) -> Any:
    """Reject."""
    return await _answer(resolve.reject_journal(info.context, journal_id, reason, idempotency_key))


async def withdraw_manual_journal(info: Info, journal_id: JournalId, idempotency_key: Key) -> Any:
    """Withdraw."""
    return await _answer(resolve.withdraw_journal(info.context, journal_id, idempotency_key))


async def _answer(journal: Awaitable[types.ManualJournal]) -> Any:
    async def work() -> dict[str, Any]:
        return {"journal": await journal}

    return await answer(ManualJournalPayload, ManualJournalError, ManualJournalErrorCode, work())
