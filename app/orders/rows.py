"""Rows as values, in the order of the tables' columns."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from app.kernel.money import to_units
from app.ledger.postings import Funding
from app.market.types import Side
from app.orders.types import Capacity, MarketOrder, MarketOrderStatus, Order, OrderStatus


def order_from(row: Iterable[Any]) -> Order:
    """A row of ``customer_order``; numerics may be decimals (the engine's) or units (the API's)."""
    id_, _tenant, *rest = _in_units(row)
    rest[4], rest[8] = Side(rest[4]), OrderStatus(rest[8])
    return Order(*[id_, *rest[:11], Funding(*rest[11:14]), *rest[14:]])


def market_order_from(row: Iterable[Any]) -> MarketOrder:
    """A row of ``market_order``; who claimed it, and when, is left out."""
    id_, _tenant, *rest, _claimed_by, _claimed_at = _in_units(row)
    rest[3], rest[4], rest[5] = Side(rest[3]), MarketOrderStatus(rest[4]), Capacity(rest[5])
    return MarketOrder(*[id_, *rest])


def _in_units(row: Iterable[Any]) -> list[Any]:
    return [to_units(value) if isinstance(value, Decimal) else value for value in row]
