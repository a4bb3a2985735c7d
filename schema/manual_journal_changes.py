"""Proposing a journal by hand or a reversal, and deciding about it."""

import datetime
from collections.abc import Awaitable
from typing import Annotated, Any

import strawberry

from app.accounting.types import ManualJournal as Made
from app.ledger.chart import Kind
from resolvers import manual_journals as resolve
from schema.errors import answer, codes
from schema.journal import LedgerAccountKind
from schema.keys import Key
from schema.manual_journals import JournalKind, ManualJournal
from schema.relay import Info
from schema.scalars import Decimal
from schema.shortage import Shortage

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


async def _answer(journal: Awaitable[Made]) -> Any:
    async def work() -> dict[str, Any]:
        return {"journal": await journal}

    return await answer(ManualJournalPayload, ManualJournalError, ManualJournalErrorCode, work())
