"""Customer orders, market orders and what links them. Amounts, quantities and prices are units of 1e-8."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from app.kernel.money import UNIT
from app.ledger.postings import Funding
from app.market.types import Side


class OrderStatus(StrEnum):
    """Where a customer's order stands."""

    ACCEPTED = "ACCEPTED"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED})


class MarketOrderStatus(StrEnum):
    """Where a market order stands with its venue."""

    CREATED = "CREATED"
    SENT = "SENT"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"


class Capacity(StrEnum):
    """In which role the firm deals; MIXED when the house takes or gives the part of a share."""

    AGENCY = "AGENCY"
    MIXED = "MIXED"
    PRINCIPAL = "PRINCIPAL"


#: The least that a buy may be worth.
MIN_BUY = 5 * UNIT
#: The most that one order may be worth, and the most units that it may be for.
MAX_ORDER = 50_000_000 * UNIT
#: A buy by quantity holds the quote times 1.05, as the price may move before the fill.
HOLD_NUMERATOR, HOLD_DENOMINATOR = 105, 100


@dataclass(frozen=True, slots=True)
class Order:
    """A customer's order. ``amount`` or ``quantity`` is what was asked for, the other is None.

    ``held`` is what is still held behind it: dollars of a buy, with ``funding`` saying which kinds; shares of a sell.
    """

    id: UUID
    journal_id: int
    account_id: UUID
    book_id: int
    instrument_id: int
    side: Side
    amount: int | None
    quantity: int | None
    sell_all: bool
    status: OrderStatus
    reference_price: int
    held: int
    funding: Funding
    filled_quantity: int
    filled_amount: int
    market_order_id: UUID | None
    reason: str | None
    placed_at: datetime
    ended_at: datetime | None

    @property
    def average_price(self) -> int | None:
        """What a share cost or brought on average, half up; None before the first fill."""
        return (
            (2 * self.filled_amount * UNIT + self.filled_quantity) // (2 * self.filled_quantity)
            if self.filled_quantity
            else None
        )


@dataclass(frozen=True, slots=True)
class MarketOrder:
    """Customers' orders of one instrument and side, dealt as one.

    ``requested`` is what the allocation statement adds up to, ``quantity`` what is dealt with the venue, ``supplied``
    what the house sets aside from its inventory so that ``quantity`` can be whole shares.
    """

    id: UUID
    journal_id: int
    book_id: int
    instrument_id: int
    side: Side
    status: MarketOrderStatus
    capacity: Capacity
    requested: int
    quantity: int
    supplied: int
    reference_price: int
    filled_quantity: int
    filled_amount: int
    trade_date: date
    settles_on: date
    reason: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def average_price(self) -> int | None:
        """The average price of what is filled, half up; None before the first fill."""
        return (
            (2 * self.filled_amount * UNIT + self.filled_quantity) // (2 * self.filled_quantity)
            if self.filled_quantity
            else None
        )
