"""Journals by hand: one operator proposes, another decides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.accounting import reads
from app.accounting.decide import Decide, approve, reject, withdraw_journals
from app.accounting.errors import JournalError
from app.accounting.lines import MAX_LINES
from app.accounting.propose import ProposeJournal, ProposeReversal, propose_journals, propose_reversals
from app.accounting.types import JournalKind, JournalStatus, Line, ManualJournal
from app.clients.types import Account
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.kernel.money import MAX_UNITS, SCALE, to_text, to_units
from app.kernel.paging import Page, PageOf
from app.ledger.batch import UseCase
from app.ledger.chart import USD, Kind
from app.ledger.idempotency import idempotency_key
from resolvers import journal, market
from resolvers.context import Context
from resolvers.ids import decode_id
from resolvers.requests import RequestError, account_for, parse_id, parse_key


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A line as the API takes it."""

    debit: Kind
    credit: Kind
    amount: Decimal
    asset: str


@dataclass(frozen=True, slots=True)
class JournalRequest:
    """A journal as the API takes it."""

    kind: JournalKind
    account_id: str | None
    to_account_id: str | None
    lines: Sequence[LineRequest]
    reason: str
    effective_at: datetime | None


async def find(context: Context, journal_id: UUID) -> ManualJournal | None:
    """The journal, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.manual_journal.load(journal_id)


async def journals_page(context: Context, status: JournalStatus | None, asked: PageOf[UUID]) -> Page[ManualJournal]:
    """The tenant's journals by hand, newest first, for operators."""
    require(context.principal, Action.VIEW_DESK)
    async with context.read() as connection:
        return await reads.journals(connection, context.principal.tenant_id, status, asked)


async def account(context: Context, id_: UUID | None) -> Account | None:
    """The account of a customer whom it concerns."""
    return None if id_ is None else await context.loaders.account.load(id_)


async def entry(context: Context, made: ManualJournal, position: int | None) -> Event | None:
    """The entry that it became, or that it takes back."""
    return None if position is None else await journal.find(context, made.journal_id, position)


async def propose_journal(context: Context, asked: JournalRequest, key: str) -> ManualJournal:
    """Propose lines. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    found = await _account_named(context, asked.account_id, "accountId")
    to = await _account_named(context, asked.to_account_id, "toAccountId")
    if len(asked.lines) > MAX_LINES:
        message = f"A journal has 1 to {MAX_LINES} lines, got {len(asked.lines)}; write several."
        raise Refusal(JournalError.LINES_INVALID, message, "lines")
    command = ProposeJournal(
        [_line(context, line, number) for number, line in enumerate(asked.lines)],
        asked.reason,
        context.principal.actor,
        None if found is None else found.id,
        None if found is None else found.book_id,
        asked.effective_at,
        asked.kind,
        None if to is None else to.id,
        None if to is None else to.book_id,
    )
    return await _submit(context, propose_journals, command, key, "proposeManualJournal", asdict(command))


async def propose_reversal(
    context: Context, entry_id: str, reason: str, effective_at: datetime | None, key: str
) -> ManualJournal:
    """Propose to take an entry back. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    found = await _entry(context, entry_id)
    command = ProposeReversal(found.position, reason, context.principal.actor, effective_at)
    return await _submit(context, propose_reversals, command, key, "proposeReversal", asdict(command))


async def approve_journal(context: Context, journal_id: str, key: str) -> ManualJournal:
    """Post what somebody else has proposed. Raises a ``Refusal``; then nothing has changed."""
    return await _decide(context, approve, journal_id, "", key, "approveManualJournal")


async def reject_journal(context: Context, journal_id: str, reason: str, key: str) -> ManualJournal:
    """Reject what was proposed. Raises a ``Refusal``; then nothing has changed."""
    return await _decide(context, reject, journal_id, reason, key, "rejectManualJournal")


async def withdraw_journal(context: Context, journal_id: str, key: str) -> ManualJournal:
    """Withdraw what one has proposed. Raises a ``Refusal``; then nothing has changed."""
    return await _decide(context, withdraw_journals, journal_id, "", key, "withdrawManualJournal")


async def _decide(
    context: Context, use_case: UseCase[Any, UUID], journal_id: str, note: str, key: str, operation: str
) -> ManualJournal:
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(journal_id, "ManualJournal", "journalId")
    if await context.loaders.manual_journal.load(id_) is None:
        message = f"There is no journal by hand {journal_id} that you can see."
        raise Refusal(RequestError.NOT_FOUND, message, "journalId")
    command = Decide(id_, context.principal.actor, note)
    return await _submit(context, use_case, command, key, operation, asdict(command))


async def _account_named(context: Context, global_id: str | None, path: str) -> Account | None:
    return None if global_id is None else await account_for(context, global_id, Action.VIEW_ACCOUNT, path)


async def _entry(context: Context, global_id: str) -> Event:
    try:
        type_name, key = decode_id(global_id)
        if type_name != "JournalEntry":
            raise ValueError(type_name)
        journal_id, position = journal.entry_key(key)
    except ValueError:
        message = f"{global_id[:60]!r} is not the id of a JournalEntry; use one from this API."
        raise Refusal(RequestError.ID_INVALID, message, "entryId") from None
    found = await journal.find(context, journal_id, position)
    if found is None:
        message = f"There is no journal entry {global_id} that you can see."
        raise Refusal(RequestError.NOT_FOUND, message, "entryId")
    return found


def _line(context: Context, line: LineRequest, number: int) -> Line:
    where = ("lines", str(number))
    asset = USD
    if line.asset != "USD":
        instrument = market.by_symbol(context, line.asset)
        if instrument is None:
            message = f"There is no asset {line.asset[:20]!r}; give USD or an instrument's symbol."
            raise Refusal(JournalError.ASSET_INVALID, message, *where, "asset")
        asset = instrument.id
    if abs(line.amount) > Decimal(MAX_UNITS).scaleb(-SCALE):
        message = f"An amount may be up to {to_text(MAX_UNITS)}, got {line.amount:.2E}; name a smaller one."
        raise Refusal(JournalError.AMOUNT_INVALID, message, *where, "amount")
    try:
        return Line(line.debit, line.credit, asset, to_units(line.amount))
    except ValueError as error:
        raise Refusal(JournalError.AMOUNT_INVALID, f"The amount {error}; round it.", *where, "amount") from None


async def _submit(
    context: Context, use_case: UseCase[Any, UUID], command: object, key: str, operation: str, asked: dict[str, Any]
) -> ManualJournal:
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    journal_id = await writer.submit(use_case, command, idempotency)
    await context.renew()
    made = await context.loaders.manual_journal.load(journal_id)
    assert made is not None, "it was committed just now"
    return made
