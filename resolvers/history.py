"""What was in an account at another time, what changed about it since, and what a balance is made of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.cases.restart_audit import RestartAudit, restart_audits
from app.clients.types import Account
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger import history
from app.ledger.archived import archived_until
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.history import AsEffective, AsRecorded, BalanceEntry, Extent, Moment
from app.ledger.idempotency import idempotency_key
from app.ledger.reads import Audit, audit_of
from app.ledger.replay import Replayed, replay
from app.ledger.types import Cash, Position
from resolvers.context import Context
from resolvers.ids import decode_id
from resolvers.journal import entry_key
from resolvers.market import by_symbol
from resolvers.paging import slice_page
from resolvers.requests import account_for, parse_key

#: So many entries are added up while somebody waits: about a second's work.
MAX_REPLAYED: Final = 300_000


class HistoryError(StrEnum):
    """Why something of the past can't be told."""

    MOMENT_INVALID = "MOMENT_INVALID"
    ARCHIVED = "ARCHIVED"
    SYMBOL_UNKNOWN = "SYMBOL_UNKNOWN"


@dataclass(frozen=True, slots=True)
class AskedMoment:
    """A moment as the API takes it: exactly one of the first three."""

    recorded_at: datetime | None
    effective_at: datetime | None
    entry_id: str | None
    known_at: datetime | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """What changed about a time since it was told: the cash as it was told then and is told now."""

    account: Account
    then: AsEffective
    now: AsEffective
    before: Cash
    after: Cash


@dataclass(frozen=True, slots=True)
class RestatedPosition:
    """How many units of an asset were told to be there then, and are now."""

    asset: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Explained:
    """An entry of a ledger account, and the event behind it."""

    entry: BalanceEntry
    event: Event


async def cash_at(context: Context, account: Account, asked: AskedMoment) -> Cash:
    """The account's dollars by kind, as of a moment."""
    moment = await _moment(context, account, asked)
    async with context.read() as connection:
        return await history.cash_at(connection, account.journal_id, account.book_id, moment)


async def positions_at(context: Context, account: Account, asked: AskedMoment, page: PageOf[int]) -> Page[Position]:
    """A page of the account's positions as of a moment, by instrument."""
    moment = await _moment(context, account, asked)
    async with context.read() as connection:
        found = await history.positions_at(connection, account.journal_id, account.book_id, moment)
    return slice_page(found, page, lambda position: position.asset)


async def restated_since(context: Context, account: Account, effective_at: datetime, known_at: datetime) -> Restatement:
    """What has changed since ``known_at`` about what took effect by ``effective_at``. Raises a ``Refusal``."""
    head = await _head(context, account, effective_at)
    known = await _recorded_position(context, account, known_at, "knownAt")
    async with context.read() as connection:
        then, now = AsEffective(effective_at, known), AsEffective(effective_at, head)
        before, after = [
            await history.cash_at(connection, account.journal_id, account.book_id, moment) for moment in (then, now)
        ]
    return Restatement(account, then, now, before, after)


async def restated_entries(context: Context, restated: Restatement, asked: PageOf[int]) -> Page[Event]:
    """A page of the entries that make the difference, oldest first."""
    account, then = restated.account, restated.then
    async with context.read() as connection:
        return await history.restated_since(connection, account.journal_id, account.book_id, then.at, then.known, asked)


async def restated_positions(context: Context, restated: Restatement, asked: PageOf[int]) -> Page[RestatedPosition]:
    """A page of the positions that differ, by instrument."""
    account = restated.account
    async with context.read() as connection:
        before, after = [
            {
                each.asset: each.quantity
                for each in await history.positions_at(connection, account.journal_id, account.book_id, moment)
            }
            for moment in (restated.then, restated.now)
        ]
    both = [RestatedPosition(asset, before.get(asset, 0), after.get(asset, 0)) for asset in sorted(before | after)]
    return slice_page([each for each in both if each.before != each.after], asked, lambda each: each.asset)


async def explain(
    context: Context, account: Account, kind: Kind, symbol: str | None, asked: PageOf[int]
) -> Page[Explained]:
    """What a balance of the account is made of, newest first. Raises a ``Refusal``."""
    asset = USD
    if symbol is not None:
        instrument = by_symbol(context, symbol)
        if instrument is None:
            raise Refusal(HistoryError.SYMBOL_UNKNOWN, f"There is no instrument {symbol[:20]!r}.", "symbol")
        asset = instrument.id
    if kind.book_kind is not BookKind.CUSTOMER:
        message = f"{kind.name} is not a kind of balance that a customer has; ask for SETTLED or POSITION, say."
        raise Refusal(HistoryError.MOMENT_INVALID, message, "kind")
    async with context.read() as connection:
        found = await history.entries_of(connection, account.journal_id, address(account.book_id, asset, kind), asked)
    events = await context.loaders.event.load_many([(account.journal_id, each.position) for each in found.items])
    explained = [Explained(entry, event) for entry, event in zip(found.items, events, strict=True) if event]
    return Page(explained, found.has_next, found.has_previous)


async def history_from(context: Context, account: Account) -> datetime | None:
    """After which recorded time the account's entries are at hand; None while nothing is archived."""
    return await context.share(archived_until, account.journal_id)


async def audit(context: Context, journal_id: int) -> Audit:
    """How far the journal is proven, and how far it goes."""
    async with context.read() as connection:
        return await audit_of(connection, journal_id)


async def replay_account(context: Context, account_id: str, from_zero: bool) -> Replayed:
    """Add the account's entries up again now, for operators.

    Raises a ``Refusal`` for an account that is not there, and for one that is too long to do while somebody waits.
    """
    require(context.principal, Action.VIEW_DESK)
    account = await account_for(context, account_id, Action.VIEW_ACCOUNT)
    async with context.services.engine_pool.acquire() as connection:
        return await replay(
            connection, account.journal_id, account.book_id, from_snapshots=not from_zero, at_most=MAX_REPLAYED
        )


async def prove_again(context: Context, reason: str, key: str) -> Audit:
    """Have the auditor begin again where the log begins, for operators. Raises a ``Refusal``; then nothing changed."""
    principal = context.principal
    require(principal, Action.OPERATE_DESK)
    request = idempotency_key(principal.actor, parse_key(key), "restartAudit", {"reason": reason})
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    await writer.submit(restart_audits, RestartAudit(reason, principal.actor), request)
    await context.renew()
    return await audit(context, writer.journal.id)


async def _moment(context: Context, account: Account, asked: AskedMoment) -> Moment:
    given = [each for each in (asked.recorded_at, asked.effective_at, asked.entry_id) if each is not None]
    if len(given) != 1:
        raise _invalid("Give one of recordedAt, effectiveAt and entryId, and not more.", "moment")
    if asked.known_at is not None and asked.effective_at is None:
        raise _invalid("knownAt goes with effectiveAt: what was known by then about that time.", "knownAt")
    if asked.recorded_at is not None:
        return AsRecorded(await _recorded_position(context, account, asked.recorded_at, "recordedAt"))
    if asked.effective_at is not None:
        head = await _head(context, account, asked.effective_at)
        if asked.known_at is not None:
            known = await _recorded_position(context, account, asked.known_at, "knownAt")
            return AsEffective(asked.effective_at, known)
        return AsEffective(asked.effective_at, head)
    assert asked.entry_id is not None
    return AsRecorded(await _entry_position(context, account, asked.entry_id))


async def _entry_position(context: Context, account: Account, entry_id: str) -> int:
    try:
        type_name, key = decode_id(entry_id)
        journal_id, position = entry_key(key)
    except ValueError:
        type_name, journal_id, position = "", 0, 0
    if type_name != "JournalEntry" or journal_id != account.journal_id or position < 1:
        raise _invalid(f"{entry_id[:60]!r} is not an entry of this account's journal.", "entryId")
    extent = await _extent(context, account)
    if position <= extent.archived:
        raise _archived("entryId")
    return min(position, extent.head)


async def _recorded_position(context: Context, account: Account, at: datetime, path: str) -> int:
    """The last position that was recorded by that time."""
    _with_zone(at, path)
    extent = await _extent(context, account)
    if extent.archived and at < extent.recorded_from:
        raise _archived(path)
    async with context.read() as connection:
        return await history.position_at(connection, account.journal_id, at)


async def _head(context: Context, account: Account, effective_at: datetime) -> int:
    """The newest position, if what had taken effect by that time can be told from it."""
    _with_zone(effective_at, "effectiveAt")
    extent = await _extent(context, account)
    if extent.archived and effective_at < extent.effective_from:
        raise _archived("effectiveAt")
    return extent.head


async def _extent(context: Context, account: Account) -> Extent:
    async with context.read() as connection:
        return await history.extent(connection, account.journal_id)


def _archived(path: str) -> Refusal:
    message = "That far back the log is archived; ask for a later time, or for the archive."
    return Refusal(HistoryError.ARCHIVED, message, path)


def _with_zone(at: datetime, path: str) -> None:
    if at.tzinfo is None:
        raise _invalid(f"A time needs its zone, got {at.isoformat()}; add Z or an offset.", path)
    if not 1 < at.year < 9999:  # in UTC it may be of a year that there is not
        raise _invalid(f"A time must be of the years 2 to 9998, got {at.isoformat()}.", path)


def _invalid(message: str, path: str) -> Refusal:
    return Refusal(HistoryError.MOMENT_INVALID, message, path)
