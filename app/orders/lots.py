"""Lots: a buy opens one, sales close them first in, first out (Treas. Reg. 1.1012-1(c)). Units of 1e-8."""

from collections.abc import Sequence
from dataclasses import dataclass
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
