"""The general ledger: every side of every transfer, in the order in which it was recorded.

Read a page at a time, so that an export of any length takes the same memory, and holds nothing up. A page of old days
does not read on to the end of the log: up to some position everything had taken effect by the last day's end, and what
came late stands within a minute of it or in an index of what was dated back.
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

#: So many lines are read at a time.
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


@dataclass(frozen=True, slots=True)
class _Reach:
    """Where in the log the lines of some days stand. Positions.

    Past ``covered``. Up to ``in_turn`` all took effect by the last day's end; what did so and comes after it was up to
    a minute late until ``near``, and dated back beyond.
    """

    covered: int
    in_turn: int
    near: int
    head: int


async def ledger_page(fetch: Fetch, journal_id: int, between: Between, asked: PageOf[LineKey]) -> Page[LedgerLine]:
    """A page of the general ledger, oldest first."""
    return await _page(fetch, journal_id, between, await _reach(fetch, journal_id, between), asked)


async def ledger_lines(fetch: Fetch, journal_id: int, between: Between) -> AsyncIterator[Sequence[LedgerLine]]:
    """All lines, oldest first, a piece at a time, up to the newest entry of when it began."""
    reach = await _reach(fetch, journal_id, between)
    end, place = LineKey(reach.head + 1, 0, 0), None
    more = True
    while more:
        page = await _page(fetch, journal_id, between, reach, PageOf(PIECE, after=place, before=end))
        yield page.items
        more, place = page.has_next, page.items[-1].key if page.items else None


async def _page(
    fetch: Fetch, journal_id: int, between: Between, reach: _Reach, asked: PageOf[LineKey]
) -> Page[LedgerLine]:
    first = LineKey(reach.covered, 2**15 - 1, 1)
    after, before = max(asked.after or first, first), asked.before or LineKey(2**62, 0, 0)
    rows = await fetch(
        _PAGE.format(order="DESC" if asked.backward else "ASC"),
        journal_id,
        after.position,
        before.position,
        between.starts_at,
        between.ends_at,
        after.leg,
        after.credit,
        before.leg,
        before.credit,
        asked.limit + 1,
        reach.in_turn,
        reach.near,
    )
    return page_from([_line(row) for row in rows], asked)


async def archived_of(fetch: Fetch, journal_id: int, between: Between) -> int:
    """Up to which position lines of that time may be missing because they are archived; 0 if none are."""
    [[archived]] = await fetch("SELECT archived FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    return int(archived) if archived > (await _reach(fetch, journal_id, between)).covered else 0


async def _reach(fetch: Fetch, journal_id: int, between: Between) -> _Reach:
    [row] = await fetch(_REACH, journal_id, between.starts_at, between.ends_at)
    return _Reach(*row)


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

#: Both tables are bounded: joined in their order, the other one would be read from its beginning.
_PLACED = (
    _LINES
    + """
AND e.position BETWEEN {low} AND {high} AND t.position BETWEEN {low} AND {high} AND {which}
AND (e.position, t.leg::integer, s.credit) > ($2, $6::integer, $7::integer)
AND (e.position, t.leg::integer, s.credit) < ($3, $8::integer, $9::integer)
ORDER BY e.position {{order}}, t.leg {{order}}, s.credit {{order}} LIMIT $10
"""
)
_PARTS = (
    _PLACED.format(low="$2::bigint", high="least($3::bigint, $11::bigint)", which="true"),
    _PLACED.format(low="greatest($2, $11 + 1)", high="least($3, $12::bigint)", which="e.lateness > 0"),
    _PLACED.format(low="greatest($2, $12 + 1)", high="$3", which="e.lateness = 2"),
)
_FOUND = " UNION ALL ".join(f"({part})" for part in _PARTS)
_PAGE = f"SELECT * FROM ({_FOUND}) AS f ORDER BY position {{order}}, leg {{order}}, credit {{order}} LIMIT $10"  # noqa: S608

#: Nothing can be told as of before the last archived entry; nor is any line of then at hand.
_REACH = """
SELECT CASE WHEN $2::timestamptz IS NULL OR archived_effective_at >= $2 THEN 0
            ELSE ledger.effective_position_at(journal_id, $2 - interval '1 microsecond') END,
       CASE WHEN $3::timestamptz IS NULL THEN position WHEN archived_effective_at >= $3 THEN archived
            ELSE ledger.effective_position_at(journal_id, $3 - interval '1 microsecond') END,
       CASE WHEN $3 IS NULL THEN position WHEN archived_effective_at > $3 + interval '1 minute' THEN archived
            ELSE ledger.effective_position_at(journal_id, $3 + interval '1 minute') END,
       position
FROM ledger.journal_head WHERE journal_id = $1
"""
