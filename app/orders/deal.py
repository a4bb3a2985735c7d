"""How much of an aggregated order is dealt with the venue, and what the house adds from its inventory."""

from dataclasses import dataclass

from app.market.types import Side
from app.orders.allocate import whole_shares_of
from app.orders.types import Capacity

#: How far the price of an order by amount may move (0.2 %) before its customers notice: the house stands between.
CUSHION_NUMERATOR, CUSHION_DENOMINATOR = 2, 1000


@dataclass(frozen=True, slots=True)
class Deal:
    """``quantity`` goes to the venue; ``supplied`` is set aside from the house's inventory. Units of 1e-8.

    With a ``quantity`` of zero the house itself is the counterparty: it has all that is bought, or takes what is sold.
    """

    quantity: int
    supplied: int
    capacity: Capacity


def size_deal(side: Side, by_quantity: int, by_amount: int, inventory: int, *, whole_shares: bool) -> Deal:
    """Size the market order for customers' orders of ``by_quantity`` units, and ``by_amount`` units at the quote.

    Customers fill first and the house is never short: buys are dealt rounded up and sells rounded down to whole
    shares, unless the inventory covers the difference. Orders by amount turn into more or fewer shares as the price
    moves, so the house also stands in for a small move.
    """
    cushion = by_amount * CUSHION_NUMERATOR // CUSHION_DENOMINATOR
    wanted = by_quantity + by_amount
    supplied = min(inventory, cushion)
    sure = wanted + cushion - supplied if side is Side.BUY else wanted - cushion + supplied
    if not whole_shares:
        return Deal(sure, supplied, Capacity.MIXED if cushion else Capacity.AGENCY)
    down, up = whole_shares_of(sure, up=False), whole_shares_of(sure, up=True)
    if side is Side.BUY and sure - down <= inventory - supplied:
        return _deal(down, supplied + sure - down, wanted)
    if side is Side.BUY:
        return _deal(up, supplied, wanted)
    if up - sure <= inventory - supplied:
        return _deal(up, supplied + up - sure, wanted)
    return _deal(down, supplied, wanted) if down else Deal(0, 0, Capacity.PRINCIPAL)


def _deal(quantity: int, supplied: int, wanted: int) -> Deal:
    if not quantity:
        return Deal(0, supplied, Capacity.PRINCIPAL)
    return Deal(quantity, supplied, Capacity.AGENCY if quantity == wanted and not supplied else Capacity.MIXED)
