"""Lots follow corporate actions: other quantities at the same cost, fractions sold, lots exchanged for another's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from app.kernel.ids import new_id
from app.kernel.money import divide_half_up, to_decimal
from app.ledger.batch import Batch
from app.orders.lots import Lot, LotSale, first_in_first_out, rescaled
from app.orders.record_lots import open_lots


@dataclass(frozen=True, slots=True)
class Terms:
    """What an action does to lots: ``new`` shares for ``old``, on a day. ``id`` names it where a lot is sold by it."""

    id: UUID
    new: int
    old: int
    day: date


async def rescale_lots(batch: Batch, terms: Terms, instrument_id: int, books: Sequence[int]) -> None:
    """Give every lot of these books its new quantity. What comes to nothing altogether was lost."""
    found = await open_lots(batch, {(book, instrument_id) for book in books})
    changed: list[tuple[Lot, Lot]] = []
    sales: list[LotSale] = []
    for held in found.values():
        lots = list(held.values())
        made, lost = rescaled(lots, terms.new, terms.old)
        changed += zip(lots, made, strict=True)
        if lost:
            sales += [LotSale(lot.id, lot.remaining, lot.remaining_cost, 0) for lot in lots]
    await batch.connection.executemany(
        "UPDATE lot SET quantity = quantity + $2, remaining = $3, remaining_cost = $4 WHERE id = $1",
        [
            (
                after.id,
                to_decimal(after.remaining - before.remaining),
                to_decimal(after.remaining),
                to_decimal(after.remaining_cost),
            )
            for before, after in changed
        ],
    )
    await _record_sales(batch, terms, sales)


async def sell_fractions(
    batch: Batch, terms: Terms, instrument_id: int, sold: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """By book so many units are sold for so many dollars, out of the oldest lots; answers what these had cost."""
    found = await open_lots(batch, {(book, instrument_id) for book in sold})
    costs: dict[int, int] = {}
    sales: list[LotSale] = []
    for (book, _), held in found.items():
        closed = first_in_first_out(list(held.values()), *sold[book])
        costs[book] = sum(sale.cost for sale in closed)
        sales += closed
    await batch.connection.executemany(
        "UPDATE lot SET remaining = remaining - $2, remaining_cost = remaining_cost - $3 WHERE id = $1",
        [(sale.lot_id, to_decimal(sale.quantity), to_decimal(sale.cost)) for sale in sales],
    )
    await _record_sales(batch, terms, sales)
    return costs


async def exchange_lots(
    batch: Batch,
    terms: Terms,
    instrument_id: int,
    into_id: int,
    paid: Mapping[int, int],
    cash_share: tuple[int, int],
) -> None:
    """Close the lots of a company that is no more: the part that cash pays for is sold, the rest of the cost goes on
    in lots of the company that takes it over, opened when the old ones were.

    ``paid`` says by book what was paid in cash, ``cash_share`` which part of each share that stands for.
    """
    found = await open_lots(batch, {(book, instrument_id) for book in paid})
    sales: list[LotSale] = []
    made: list[Lot] = []
    for (book, _), held in found.items():
        lots = list(held.values())
        sold, stays = exchanged(lots, terms.new, terms.old, paid[book], cash_share)
        sales += sold
        made += stays
    await batch.connection.execute(
        _INTO,
        into_id,
        [new_id() for _ in made],
        [lot.id for lot in made],
        [lot.remaining for lot in made],
        [lot.remaining_cost for lot in made],
    )
    await batch.connection.execute(
        "UPDATE lot SET remaining = 0, remaining_cost = 0 WHERE id = ANY ($1)",
        [id_ for held in found.values() for id_ in held],
    )
    await _record_sales(batch, terms, sales)


def exchanged(
    lots: Sequence[Lot], new: int, old: int, paid: int, cash_share: tuple[int, int]
) -> tuple[list[LotSale], list[Lot]]:
    """What of a position's lots, oldest first, is sold for the cash, and what remains of each at its new terms. Pure.

    Cost and proceeds are shared out exactly: what was sold and what goes on had cost together what the lots had.
    """
    part, whole = cash_share
    total = sum(lot.remaining for lot in lots)
    sold: list[LotSale] = []
    kept: list[Lot] = []
    before = 0
    for lot in lots:
        after = before + lot.remaining
        cost = divide_half_up(lot.remaining_cost * part, whole)
        proceeds = paid * after // total - paid * before // total
        if part:
            sold.append(LotSale(lot.id, max(1, lot.remaining * part // whole), cost, proceeds))
        kept.append(replace(lot, remaining_cost=lot.remaining_cost - cost))
        before = after
    made, lost = rescaled(kept, new, old) if new else (kept, sum(lot.remaining_cost for lot in kept))
    if lost:  # nothing goes on: all of it was given for what was paid
        proceeds_of = {sale.lot_id: sale.proceeds for sale in sold}
        return [LotSale(lot.id, lot.remaining, lot.remaining_cost, proceeds_of.get(lot.id, 0)) for lot in lots], []
    return sold, [lot for lot in made if lot.remaining] if new else []


async def _record_sales(batch: Batch, terms: Terms, sales: Sequence[LotSale]) -> None:
    await batch.connection.executemany(
        "INSERT INTO lot_sale (action_id, lot_id, tenant_id, sold_on, quantity, cost, proceeds)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                terms.id,
                sale.lot_id,
                batch.journal.tenant_id,
                terms.day,
                to_decimal(sale.quantity),
                to_decimal(sale.cost),
                to_decimal(sale.proceeds),
            )
            for sale in sales
        ],
    )


_INTO = """
INSERT INTO lot (id, order_id, tenant_id, book_id, instrument_id, opened_on, quantity, cost, remaining, remaining_cost,
  funded_unsettled, funding_due_on, funded_owed, from_lot_id)
SELECT u.id, l.order_id, l.tenant_id, l.book_id, $1, l.opened_on, u.quantity * 0.00000001, u.cost * 0.00000001,
  u.quantity * 0.00000001, u.cost * 0.00000001, l.funded_unsettled, l.funding_due_on, l.funded_owed, l.id
FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[]) AS u(id, old_id, quantity, cost)
JOIN lot l ON l.id = u.old_id
"""
