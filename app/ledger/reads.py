"""Batched reads of balances, positions and the log. Amounts are units of 1e-8."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, bindparam, func, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kernel.events import Event, EventType, Lateness
from app.kernel.paging import Page, PageOf, page_from
from app.ledger.chart import USD, Kind
from app.ledger.tables import account, audit, event, journal_head, transfer
from app.ledger.types import Cash, Position, Transfer

CASH_KINDS = {
    Kind.SETTLED: "settled",
    Kind.UNSETTLED: "unsettled",
    Kind.INSTANT: "instant",
    Kind.PENDING: "pending",
    Kind.HELD: "held",
    Kind.RECEIVABLE: "receivable",
}


async def cash_by_book(connection: AsyncConnection, books: Sequence[int]) -> dict[int, Cash]:
    """Each book's dollars by kind; a book that never had any has zeros."""
    rows = await connection.execute(
        select(account.c.book_id, account.c.kind, account.c.balance).where(
            account.c.book_id.in_(books), account.c.asset_id == USD, account.c.kind.in_(CASH_KINDS)
        )
    )
    found: dict[int, dict[str, int]] = {book: {} for book in books}
    for book, kind, balance in rows:
        found[book][CASH_KINDS[Kind(kind)]] = balance
    return {book: Cash(**kinds) for book, kinds in found.items()}


async def positions_by_book(connection: AsyncConnection, books: Sequence[int]) -> dict[int, list[Position]]:
    """Each book's open positions, by asset."""
    rows = await connection.execute(
        select(account.c.book_id, account.c.asset_id, account.c.kind, account.c.balance)
        .where(
            account.c.book_id.in_(books),
            account.c.kind.in_((Kind.POSITION, Kind.POSITION_HELD)),
            account.c.balance > 0,
        )
        .order_by(account.c.book_id, account.c.asset_id)
    )
    found: dict[int, dict[int, dict[Kind, int]]] = {book: {} for book in books}
    for book, asset, kind, balance in rows:
        found[book].setdefault(asset, {})[Kind(kind)] = balance
    return {
        book: [
            Position(book, asset, sum(kinds.values()), kinds.get(Kind.POSITION_HELD, 0))
            for asset, kinds in assets.items()
        ]
        for book, assets in found.items()
    }


async def activity(connection: AsyncConnection, books: Sequence[int], asked: PageOf[int]) -> dict[int, Page[Event]]:
    """The same page of each book's stream of events, newest first, keyed by sequence."""
    wanted = func.unnest(literal(list(books), ARRAY(BigInteger))).table_valued("id").render_derived(name="wanted")
    query = select(event).where(event.c.book_id == wanted.c.id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(event.c.sequence < asked.after)
    if asked.before is not None:
        query = query.where(event.c.sequence > asked.before)
    page = query.order_by(event.c.sequence.asc() if asked.backward else event.c.sequence.desc()).lateral("page")
    found: dict[int, list[Event]] = {book: [] for book in books}
    for each in await events_by_query(connection, select(page).select_from(wanted.join(page, true()))):
        found[each.book].append(each)
    return {book: page_from(events, asked) for book, events in found.items()}


def _streams_after() -> Select[Any]:
    books, sequences = (bindparam(name, type_=ARRAY(BigInteger)) for name in ("books", "sequences"))
    wanted = func.unnest(books, sequences).table_valued("book", "past").render_derived(name="wanted")
    query = select(event).where(event.c.book_id == wanted.c.book, event.c.sequence > wanted.c.past)
    page = query.order_by(event.c.sequence).limit(bindparam("limit", type_=BigInteger)).lateral("page")
    return select(wanted.c.past, page).select_from(wanted.join(page, true()))


_STREAMS_AFTER = _streams_after()


async def streams_after(
    connection: AsyncConnection, places: Sequence[tuple[int, int]], limit: int
) -> dict[tuple[int, int], list[Event]]:
    """By book and sequence number: the book's events past it, oldest first, up to so many of each."""
    books, sequences = zip(*places, strict=True)
    rows = await connection.execute(_STREAMS_AFTER, {"books": books, "sequences": sequences, "limit": limit})
    found: dict[tuple[int, int], list[Event]] = {place: [] for place in places}
    for past, *values in rows:
        each = _event(values)
        found[each.book, past].append(each)
    return found


async def log_after(connection: AsyncConnection, journal_id: int, position: int, limit: int) -> list[Event]:
    """The whole journal's events past ``position``, oldest first."""
    query = select(event).where(event.c.journal_id == journal_id, event.c.position > position)
    return await events_by_query(connection, query.order_by(event.c.position).limit(limit))


async def head_position(connection: AsyncConnection, journal_id: int) -> int:
    """The position of the journal's newest event."""
    position: int | None = await connection.scalar(
        select(journal_head.c.position).where(journal_head.c.journal_id == journal_id)
    )
    return position or 0


@dataclass(frozen=True, slots=True)
class Audit:
    """How far a journal goes (``position``), and up to where it was added up again and agreed (``proven``)."""

    position: int
    proven: int
    proven_at: datetime | None
    disagreement: str | None


_AUDIT = select(journal_head.c.position, audit.c.proven, audit.c.proven_at, audit.c.disagreement).join(
    audit, audit.c.journal_id == journal_head.c.journal_id
)


async def audit_of(connection: AsyncConnection, journal_id: int) -> Audit:
    """How far the auditor has come with a journal."""
    return Audit(*(await connection.execute(_AUDIT.where(journal_head.c.journal_id == journal_id))).one())


async def proven_by_journal(connection: AsyncConnection, journals: Sequence[int]) -> dict[int, int]:
    """The last position of each journal that is proven."""
    rows = await connection.execute(select(audit.c.journal_id, audit.c.proven).where(audit.c.journal_id.in_(journals)))
    return {row[0]: row[1] for row in rows}


async def events_at(connection: AsyncConnection, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Event]:
    """Events by journal and position."""
    query = select(event).where(tuple_(event.c.journal_id, event.c.position).in_(keys))
    return {(each.journal_id, each.position): each for each in await events_by_query(connection, query)}


async def event_of(connection: AsyncConnection, book: int, correlation: UUID) -> Event | None:
    """The newest event of a book with that correlation id."""
    query = select(event).where(event.c.book_id == book, event.c.correlation == correlation)
    found = await events_by_query(connection, query.order_by(event.c.sequence.desc()).limit(1))
    return found[0] if found else None


async def transfers_at(
    connection: AsyncConnection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[Transfer]]:
    """The transfers of each event, by journal and position, in order of their legs."""
    rows = await connection.execute(
        select(transfer, event.c.recorded_at)
        .join(event, (event.c.journal_id == transfer.c.journal_id) & (event.c.position == transfer.c.position))
        .where(tuple_(transfer.c.journal_id, transfer.c.position).in_(keys))
        .order_by(transfer.c.journal_id, transfer.c.position, transfer.c.leg)
    )
    found: dict[tuple[int, int], list[Transfer]] = {key: [] for key in keys}
    for journal_id, *values in rows:
        found[journal_id, values[0]].append(Transfer(*values))
    return found


@dataclass(frozen=True, slots=True)
class CustodyProof:
    """One asset's shares, wherever they are: ``customers + house + in_flight = custodian + street``."""

    asset: int
    customers: int
    house: int
    in_flight: int
    custodian: int
    street: int

    @property
    def difference(self) -> int:
        """Units that can't be accounted for: zero, or something is wrong."""
        return self.customers + self.house + self.in_flight - self.custodian - self.street


async def custody_proof(connection: AsyncConnection, journal_id: int) -> list[CustodyProof]:
    """Every asset of a journal but the dollar, summed over all its accounts."""
    rows = await connection.execute(
        select(account.c.asset_id, account.c.kind, func.sum(account.c.balance, type_=account.c.balance.type))
        .where(account.c.journal_id == journal_id, account.c.asset_id != USD)
        .group_by(account.c.asset_id, account.c.kind)
        .order_by(account.c.asset_id)
    )
    sums: dict[int, dict[Kind, int]] = {}
    for asset, kind, total in rows:
        sums.setdefault(asset, {})[Kind(kind)] = total
    return custody_of(sums)


def custody_of(sums: Mapping[int, Mapping[Kind, int]]) -> list[CustodyProof]:
    """Where the shares of each asset are, from the sums of its balances by kind."""
    return [
        CustodyProof(
            asset,
            customers=sum(kinds.get(kind, 0) for kind in (Kind.POSITION, Kind.POSITION_HELD, Kind.RECEIVABLE)),
            house=kinds.get(Kind.INVENTORY, 0) + kinds.get(Kind.SHORT, 0),
            in_flight=kinds.get(Kind.MARKET_ORDER, 0),
            custodian=-kinds.get(Kind.CUSTODIAN, 0),
            street=-kinds.get(Kind.STREET, 0),
        )
        for asset, kinds in sums.items()
    ]


async def events_by_query(connection: AsyncConnection, query: Select[Any]) -> list[Event]:
    """The events that a query of the table ``event`` finds."""
    return [_event(row) for row in await connection.execute(query)]


def _event(row: Iterable[Any]) -> Event:
    *values, _ = row  # the latest effective time until then is for searching
    values[4] = EventType(values[4])
    values[11] = Lateness(values[11])
    return Event(*values)
