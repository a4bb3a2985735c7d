"""The general ledger: every side of every transfer, in the order in which it was recorded.

Read a piece of the log at a time, so that an export of any length takes the same memory, and holds nothing up.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.accounting.balances import Fetch
from app.accounting.business_days import ends_at
from app.kernel.events import EventType
from app.kernel.money import to_units
from app.kernel.paging import Page, PageOf, page_from
from app.ledger.chart import BookKind, Kind, asset_of, kind_of

#: So many entries are read at a time.
PIECE: Final = 2_000


@dataclass(frozen=True, slots=True, order=True)
class LineKey:
    """A line's place: the debit of a transfer comes before its credit."""

    position: int
    leg: int
    credit: int

    def __str__(self) -> str:
        return f"{self.position}.{self.leg}.{self.credit}"

    @classmethod
    def read(cls, text: str) -> "LineKey":
        """The key that was printed so. Raises ``ValueError`` for any other text."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 18 for part in parts):
            raise ValueError(f"{text[:40]!r} is not a place in the general ledger")
        position, leg, credit = map(int, parts)
        return cls(position, leg, min(credit, 1)) if leg < 2**15 else cls(position, 2**15 - 1, 1)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One side of a transfer. ``balance`` is the ledger account's after it; amounts in units.

    ``reference`` says which customer's account it is, or which market order's.
    """

    key: LineKey
    account: int
    asset: str
    reference: UUID | None
    amount: int
    balance: int
    type: EventType
    recorded_at: datetime
    effective_at: datetime

    @property
    def kind(self) -> Kind:
        return kind_of(self.account)

    @property
    def book(self) -> BookKind:
        return self.kind.book_kind

    @property
    def debit(self) -> int | None:
        return None if self.key.credit else self.amount

    @property
    def credit(self) -> int | None:
        return self.amount if self.key.credit else None


@dataclass(frozen=True, slots=True)
class Between:
    """What took effect from one day to another, both included: days in New York. None: without a bound."""

    first: date | None = None
    last: date | None = None

    @property
    def starts_at(self) -> datetime | None:
        return None if self.first is None else ends_at(self.first - timedelta(days=1))

    @property
    def ends_at(self) -> datetime | None:
        return None if self.last is None else ends_at(self.last)


async def ledger_page(fetch: Fetch, journal_id: int, between: Between, asked: PageOf[LineKey]) -> Page[LedgerLine]:
    """A page of the general ledger, oldest first."""
    covered = await _covered(fetch, journal_id, between)
    after, before = asked.after or LineKey(covered, 2**15 - 1, 1), asked.before or LineKey(2**62, 0, 0)
    statement = _PAGE.format(order="DESC" if asked.backward else "ASC")
    rows = await fetch(
        statement,
        journal_id,
        max(after.position, covered),
        before.position,
        between.starts_at,
        between.ends_at,
        after.leg if after.position >= covered else 2**15 - 1,
        after.credit if after.position >= covered else 1,
        before.leg,
        before.credit,
        asked.limit + 1,
    )
    return page_from([_line(row) for row in rows], asked)


async def ledger_lines(fetch: Fetch, journal_id: int, between: Between) -> AsyncIterator[Sequence[LedgerLine]]:
    """All lines, oldest first, a piece at a time, up to the newest entry of when it began."""
    position = await _covered(fetch, journal_id, between)
    [[head]] = await fetch("SELECT position FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    while position < head:
        until = min(position + PIECE, head)
        rows = await fetch(_PIECE, journal_id, position, until, between.starts_at, between.ends_at)
        yield [_line(row) for row in rows]
        position = until


async def archived_of(fetch: Fetch, journal_id: int, between: Between) -> int:
    """Up to which position lines of that time may be missing because they are archived; 0 if none are."""
    [[archived]] = await fetch("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    return int(archived) if archived > await _covered(fetch, journal_id, between) else 0


async def _covered(fetch: Fetch, journal_id: int, between: Between) -> int:
    """A position up to which nothing took effect as late as the first day: that of the last close before it."""
    [[position]] = await fetch(_COVERED, journal_id, between.starts_at)
    return int(position)


def _line(row: Any) -> LedgerLine:
    position, leg, credit, account, code, reference, amount, balance, type_, recorded_at, effective_at = row
    return LedgerLine(
        LineKey(position, leg, credit),
        account,
        code or f"asset {asset_of(account)}",
        reference,
        to_units(amount),
        to_units(balance),
        EventType(type_),
        recorded_at,
        effective_at,
    )


_LINES = """
SELECT e.position, t.leg, s.credit, s.account, a.code,
  CASE WHEN b.kind IN ('customer', 'market_order') THEN b.reference END, t.amount, s.balance, e.type,
  e.recorded_at, e.effective_at
FROM ledger.event e JOIN ledger.transfer t ON t.journal_id = e.journal_id AND t.position = e.position
CROSS JOIN LATERAL (VALUES (0, t.debit_account_id, t.debit_balance), (1, t.credit_account_id, t.credit_balance))
  AS s(credit, account, balance)
LEFT JOIN ledger.book b ON b.id = s.account >> 25
LEFT JOIN ledger.asset a ON a.id = (s.account >> 5) & 1048575
WHERE e.journal_id = $1
  AND ($4::timestamptz IS NULL OR e.effective_at >= $4) AND ($5::timestamptz IS NULL OR e.effective_at < $5)
"""

_PIECE = _LINES + "AND e.position > $2 AND e.position <= $3 ORDER BY e.position, t.leg, s.credit"

_PAGE = (
    _LINES
    + """
AND e.position BETWEEN $2 AND $3
AND (e.position, t.leg::integer, s.credit) > ($2, $6::integer, $7::integer)
AND (e.position, t.leg::integer, s.credit) < ($3, $8::integer, $9::integer)
ORDER BY e.position {order}, t.leg {order}, s.credit {order} LIMIT $10
"""
)

_COVERED = "SELECT coalesce(max(position), 0) FROM daily_close WHERE journal_id = $1 AND ends_at <= $2"
