"""Settlement: on the due date shares and money change hands with the clearing house, and proceeds become settled.

Run by a job under the market's clock, as often as one likes: what is settled is marked in the commit that posts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text, to_units
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind
from app.ledger.postings import repay_shares, settle_buy, settle_cash, settle_sell
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.progress import ENGINE
from app.orders.take_back_lots import shares_repaid

#: One commit settles this many trades and this many accounts at most.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class SettleDue:
    """Settle what is due on ``today`` (a clearing business date) or was due before."""

    today: date


@dataclass(frozen=True, slots=True)
class Settled:
    """How much one run settled; ``more`` says that it stopped at its limit."""

    trades: int
    accounts: int
    more: bool


async def settle_due(batch: Batch, commands: Sequence[SettleDue]) -> list[Settled]:
    """Settle a chunk of what is due."""
    today = max(command.today for command in commands)
    trades = await _trades(batch, today)
    accounts = await _proceeds(batch, today)
    await _repay_shares(batch)
    return [Settled(trades, accounts, CHUNK in (trades, accounts))] * len(commands)


async def _trades(batch: Batch, today: date) -> int:
    rows = await batch.connection.fetch(
        _SETTLE_TRADES,
        batch.journal.id,
        today,
        batch.recorded_at,
        CHUNK,
    )
    entries = []
    for row in sorted(rows, key=lambda row: (row["due_on"], row["id"])):
        settle = settle_buy if row["side"] == Side.BUY else settle_sell
        quantity, customers, house = (to_units(row[name]) for name in ("quantity", "customers_amount", "house_amount"))
        id_: UUID = row["market_order_id"]
        data = {"market_order": str(id_), "quantity": to_text(quantity), "due_on": row["due_on"].isoformat()}
        event = NewEvent(
            batch.journal.outside,
            EventType.TRADE_SETTLED,
            ENGINE,
            batch.effective_at,
            cause=id_,
            correlation=id_,
            data=data,
        )
        entries.append(Entry(event, settle(batch.journal, row["instrument_id"], quantity, customers, house)))
    await batch.post_facts(entries)
    return len(rows)


async def _proceeds(batch: Batch, today: date) -> int:
    """No account keeps more unsettled cash than it has proceeds that are not due yet.

    So proceeds that were spent before they settled count as spent first, and money that comes back from a hold
    after its sale has settled comes back as settled at the next run.
    """
    await batch.connection.execute(
        "UPDATE cash_settlement SET settled_at = $3 WHERE journal_id = $1 AND due_on <= $2 AND settled_at IS NULL",
        batch.journal.id,
        today,
        batch.recorded_at,
    )
    rows = await batch.connection.fetch(
        _NOT_DUE_ANY_MORE,
        batch.journal.id,
        USD,
        Kind.UNSETTLED,
        CHUNK,
    )
    owed = await owed_by_book(batch.connection, [row["book_id"] for row in rows])
    await batch.post_facts(
        [
            Entry(
                NewEvent(row["book_id"], EventType.CASH_SETTLED, ENGINE, batch.effective_at),
                settle_cash(row["book_id"], to_units(row["settled"]), owed.get(row["book_id"], 0)),
            )
            for row in rows
        ]
    )
    return len(rows)


async def _repay_shares(batch: Batch) -> None:
    """Shares owed since a deal was taken back are handed over as soon as there are any."""
    rows = await batch.connection.fetch(_OWED, batch.journal.id, USD, CHUNK)
    entries = []
    for row in rows:
        book, asset, quantity = row["book_id"], row["asset_id"], to_units(row["quantity"])
        legs = repay_shares(book, asset, quantity, house=book == batch.journal.house)
        data = {"instrument": asset, "quantity": to_text(quantity)}
        entries.append(Entry(NewEvent(book, EventType.SHARES_REPAID, ENGINE, batch.effective_at, data=data), legs))
        if book != batch.journal.house:
            await shares_repaid(batch, book, asset, quantity)
    await batch.post_facts(entries)


_OWED = """
SELECT o.book_id, o.asset_id, least(-o.balance, h.balance) AS quantity
FROM ledger.account o JOIN ledger.account h ON h.book_id = o.book_id AND h.asset_id = o.asset_id
  AND h.kind = CASE o.kind WHEN 9 THEN 6 ELSE 11 END AND h.balance > 0
WHERE o.journal_id = $1 AND o.kind IN (9, 23) AND o.asset_id <> $2 AND o.balance < 0 ORDER BY o.id LIMIT $3
"""

_SETTLE_TRADES = """
UPDATE trade_settlement SET settled_at = $3 WHERE id IN (
  SELECT id FROM trade_settlement WHERE journal_id = $1 AND due_on <= $2 AND settled_at IS NULL
  ORDER BY due_on, id LIMIT $4)
RETURNING *
"""

_NOT_DUE_ANY_MORE = """
SELECT a.book_id, a.balance - coalesce(d.due, 0) AS settled
FROM ledger.account a LEFT JOIN (
  SELECT book_id, sum(amount) AS due FROM cash_settlement WHERE journal_id = $1 AND settled_at IS NULL GROUP BY book_id
) d USING (book_id)
WHERE a.journal_id = $1 AND a.asset_id = $2 AND a.kind = $3 AND a.balance > coalesce(d.due, 0)
ORDER BY a.book_id LIMIT $4
"""
