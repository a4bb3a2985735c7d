"""Lots: a buy opens one, sales close them first in, first out (Treas. Reg. 1.1012-1(c)). Units of 1e-8.

A split leaves what a position cost as it was, and when it was bought (26 U.S.C. 307(a), 1223(4)).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from app.kernel.money import divide_half_up


@dataclass(frozen=True, slots=True)
class Payment:
    """How the order ``bought_by`` paid: so much unsettled money (all settled on ``due_on``), so much owed."""

    bought_by: UUID
    unsettled: int
    due_on: date | None
    owed: int


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of a buy, and what that cost."""

    id: UUID
    opened_on: date
    remaining: int
    remaining_cost: int
    paid: "Payment | None" = None


@dataclass(frozen=True, slots=True)
class LotSale:
    """A part of a lot that a sale closed."""

    lot_id: UUID
    quantity: int
    cost: int
    proceeds: int

    @property
    def gain(self) -> int:
        return self.proceeds - self.cost


def first_in_first_out(lots: Sequence[Lot], quantity: int, proceeds: int) -> list[LotSale]:
    """Close ``quantity`` units of ``lots``, which stand oldest first; cost and proceeds are shared out exactly.

    Raises ``ValueError`` when the lots hold less than is sold.
    """
    sales: list[LotSale] = []
    left, proceeds_left = quantity, proceeds
    for lot in lots:
        if left == 0:
            break
        closed = min(left, lot.remaining)
        cost = divide_half_up(lot.remaining_cost * closed, lot.remaining)
        brought = proceeds_left * closed // left
        sales.append(LotSale(lot.id, closed, cost, brought))
        left -= closed
        proceeds_left -= brought
    if left:
        raise ValueError(f"{left} of {quantity} units sold are in no lot")
    return sales


def rescaled(lots: Sequence[Lot], new: int, old: int) -> tuple[list[Lot], int]:
    """The lots of a position, oldest first, when ``new`` shares take the place of ``old``; and the cost of which
    nothing is left.

    Together they hold the whole position's new quantity, rounded down once; each is less than a unit off. A lot that
    comes to nothing leaves its cost to the next (the last of them to the one before): the total changes only if
    nothing at all remains.
    """
    made: list[Lot] = []
    before = cost = 0
    last: int | None = None
    for lot in lots:
        after = before + lot.remaining
        quantity = after * new // old - before * new // old
        before, cost = after, cost + lot.remaining_cost
        made.append(replace(lot, remaining=quantity, remaining_cost=cost if quantity else 0))
        if quantity:
            last, cost = len(made) - 1, 0
    if cost and last is not None:
        made[last] = replace(made[last], remaining_cost=made[last].remaining_cost + cost)
        cost = 0
    return made, cost
