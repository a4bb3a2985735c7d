"""What was: balances as of any position, recorded time or effective time, and the entries that made them.

Both clocks count. *As recorded* is what the books said at a moment, mistakes included. *As effective* is what they say
now (or said at an earlier ``known`` position) about a moment, with all that was told late or dated back.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import Units
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf, page_from
from app.ledger.chart import USD, Kind, asset_of, kind_of
from app.ledger.reads import CASH_KINDS, events_by_query
from app.ledger.tables import account, event, journal_head, transfer
from app.ledger.types import Cash, Position


@dataclass(frozen=True, slots=True)
class AsRecorded:
    """The books as they stood right after a position."""

    position: int


@dataclass(frozen=True, slots=True)
class AsEffective:
    """Everything that took effect by ``at``, as far as it was recorded up to position ``known``."""

    at: datetime
    known: int


Moment = AsRecorded | AsEffective


@dataclass(frozen=True, slots=True)
class Extent:
    """From which position on a journal's log is at hand, and its last one.

    Nothing can be told as of an earlier time, by either clock, than the last that is archived.
    """

    archived: int
    head: int
    recorded_from: datetime
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class BalanceEntry:
    """One entry of a ledger account: how it changed the balance (units), and the event behind it."""

    position: int
    leg: int
    change: int
    balance: int

    @property
    def key(self) -> int:
        """Its place among the account's entries."""
        return self.position << _LEG_BITS | self.leg


_LEG_BITS = 16


async def extent(connection: AsyncConnection, journal_id: int) -> Extent:
    """What of a journal's log there is."""
    head = journal_head.c
    query = select(head.archived, head.position, head.archived_recorded_at, head.archived_effective_at)
    return Extent(*(await connection.execute(query.where(head.journal_id == journal_id))).one())


async def position_at(connection: AsyncConnection, journal_id: int, recorded_at: datetime) -> int:
    """The last position that was recorded at that time or before."""
    found: int | None = await connection.scalar(select(func.ledger.position_at(journal_id, recorded_at)))
    return found or 0


async def cash_at(connection: AsyncConnection, journal_id: int, book: int, moment: Moment) -> Cash:
    """A book's dollars by kind, as of a moment."""
    balances = await _balances(connection, journal_id, book, moment)
    kinds = {CASH_KINDS[kind_of(id_)]: units for id_, units in balances.items() if asset_of(id_) == USD}
    return Cash(**kinds)


async def positions_at(connection: AsyncConnection, journal_id: int, book: int, moment: Moment) -> list[Position]:
    """A book's positions as of a moment, by asset."""
    found: dict[int, dict[Kind, int]] = {}
    for id_, units in (await _balances(connection, journal_id, book, moment)).items():
        if asset_of(id_) != USD:
            found.setdefault(asset_of(id_), {})[kind_of(id_)] = units
    positions = [
        Position(
            book,
            asset,
            kinds.get(Kind.POSITION, 0) + kinds.get(Kind.POSITION_HELD, 0),
            kinds.get(Kind.POSITION_HELD, 0),
        )
        for asset, kinds in sorted(found.items())
    ]
    return [each for each in positions if each.quantity]


async def restated_since(
    connection: AsyncConnection, journal_id: int, book: int, at: datetime, known: int, asked: PageOf[int]
) -> Page[Event]:
    """The book's events that took effect by ``at`` and were recorded after ``known``, oldest first, keyed by sequence:
    what changed about that time since."""
    # Up to this place everything took effect by then; after it only what came late, which an index of its own holds.
    place = await connection.scalar(select(func.ledger.effective_position_at(journal_id, at))) or 0
    position = event.c.position
    in_turn = and_(position > known, position <= place)
    late = and_(position > max(known, place), came_late(), event.c.effective_at <= at)
    order = event.c.sequence.desc() if asked.backward else event.c.sequence
    queries = [
        select(event).where(event.c.journal_id == journal_id, event.c.book_id == book, *_between(asked), recorded)
        for recorded in (in_turn, late)
    ]
    both = union_all(*(select(each.order_by(order).limit(asked.limit + 1).subquery()) for each in queries)).subquery()
    first = both.c.sequence.desc() if asked.backward else both.c.sequence
    found = await events_by_query(connection, select(both).order_by(first).limit(asked.limit + 1))
    return page_from(found, asked)


def _between(asked: PageOf[int]) -> list[ColumnElement[bool]]:
    sequence = event.c.sequence
    after = [] if asked.after is None else [sequence > asked.after]
    return after if asked.before is None else [*after, sequence < asked.before]


def came_late() -> ColumnElement[bool]:
    """Whether an event is late, in the words of the index that holds only these."""
    return event.c.lateness > literal_column("0")


async def entries_of(
    connection: AsyncConnection, journal_id: int, ledger_account: int, asked: PageOf[int]
) -> Page[BalanceEntry]:
    """The entries of one ledger account, newest first, keyed by position and leg: what its balance is made of."""
    debits = _side(journal_id, ledger_account, asked, transfer.c.debit_account_id, -transfer.c.amount, "debit_balance")
    credits_ = _side(
        journal_id, ledger_account, asked, transfer.c.credit_account_id, transfer.c.amount, "credit_balance"
    )
    both = union_all(debits, credits_).subquery()
    order = (both.c.position, both.c.leg) if asked.backward else (both.c.position.desc(), both.c.leg.desc())
    rows = await connection.execute(select(both).order_by(*order).limit(asked.limit + 1))
    return page_from([BalanceEntry(*row) for row in rows], asked)


def _side(
    journal_id: int, ledger_account: int, asked: PageOf[int], side: Any, change: Any, balance: str
) -> Select[Any]:
    query = select(
        transfer.c.position, transfer.c.leg, change.label("change"), transfer.c[balance].label("balance")
    ).where(transfer.c.journal_id == journal_id, side == ledger_account)
    if asked.after is not None:
        position, leg = _place(asked.after)
        query = query.where(or_(transfer.c.position < position, _and_leg(position, transfer.c.leg < leg)))
        query = query.where(transfer.c.position <= position)
    if asked.before is not None:
        position, leg = _place(asked.before)
        query = query.where(or_(transfer.c.position > position, _and_leg(position, transfer.c.leg > leg)))
        query = query.where(transfer.c.position >= position)
    order = (
        (transfer.c.position, transfer.c.leg) if asked.backward else (transfer.c.position.desc(), transfer.c.leg.desc())
    )
    return select(query.order_by(*order).limit(asked.limit + 1).subquery())


def _and_leg(position: int, leg: Any) -> Any:
    return and_(transfer.c.position == position, leg)


def _place(key: int) -> tuple[int, int]:
    # A leg is a smallint: who makes up a cursor past the last one gets what comes after it.
    return key >> _LEG_BITS, min(key & (1 << _LEG_BITS) - 1, 2**15 - 1)


async def _balances(connection: AsyncConnection, journal_id: int, book: int, moment: Moment) -> dict[int, int]:
    """Balances (units) of a customer's cash and positions, by ledger account."""
    wanted = select(account.c.id).where(
        account.c.book_id == book,
        or_(
            and_(account.c.asset_id == USD, account.c.kind.in_(CASH_KINDS)),
            and_(account.c.asset_id != USD, account.c.kind.in_((Kind.POSITION, Kind.POSITION_HELD))),
        ),
    )
    ids = literal(list(await connection.scalars(wanted)), ARRAY(BigInteger))
    columns = (column("account_id", BigInteger), column("balance", Units))
    if isinstance(moment, AsRecorded):
        found = func.ledger.balances_at(journal_id, ids, moment.position).table_valued(
            columns[0], column("sequence", BigInteger), columns[1]
        )
    else:
        found = func.ledger.effective_balances_at(journal_id, ids, moment.at, moment.known).table_valued(*columns)
    rows = await connection.execute(select(found.c.account_id, found.c.balance))
    return {row[0]: row[1] for row in rows}
