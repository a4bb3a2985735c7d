"""Customer orders, market orders and what links them. Amounts, quantities and prices are units of 1e-8."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from app.kernel.money import UNIT
from app.ledger.postings import Funding
from app.market.types import Side, TimeInForce
from app.venues.profile import EXACT, Precision


class OrderType(StrEnum):
    """Whether an order names the worst price at which it may be filled."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class OrderStatus(StrEnum):
    """Where a customer's order stands."""

    ACCEPTED = "ACCEPTED"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    PENDING_REPLACE = "PENDING_REPLACE"
    REPLACED = "REPLACED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REPLACED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)


class MarketOrderStatus(StrEnum):
    """Where a market order stands: its statement being written, waiting to be sent, with its venue, or over."""

    GATHERING = "GATHERING"
    CREATED = "CREATED"
    SENT = "SENT"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class VenueOrderStatus(StrEnum):
    """Where a market order stands in the venue's eyes, as far as we were told."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PENDING_REPLACE = "PENDING_REPLACE"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return self in (
            VenueOrderStatus.FILLED,
            VenueOrderStatus.CANCELED,
            VenueOrderStatus.EXPIRED,
            VenueOrderStatus.REJECTED,
        )


class Capacity(StrEnum):
    """In which role the firm deals; MIXED when the house takes or gives the part of a share."""

    AGENCY = "AGENCY"
    MIXED = "MIXED"
    PRINCIPAL = "PRINCIPAL"


#: Nothing stands behind the hold of a sell but shares.
UNFUNDED = Funding()
#: The least that a buy may be worth.
MIN_BUY = 5 * UNIT
#: The most that one order may be worth, and the most units that it may be for.
MAX_ORDER = 50_000_000 * UNIT
#: A market buy by quantity holds the quote times 1.05, as the price may move before the fill.
HOLD_NUMERATOR, HOLD_DENOMINATOR = 105, 100


@dataclass(frozen=True, slots=True)
class Terms:
    """At which price and how long: the worst price (None: any), and when the order expires (market time)."""

    type: OrderType = OrderType.MARKET
    limit_price: int | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """What shall take an order's place: its id, its whole size (what is filled already counts in) and its terms."""

    id: UUID
    amount: int | None
    quantity: int | None
    terms: Terms
    actor: str


@dataclass(frozen=True, slots=True)
class Group:
    """What orders must have in common to be dealt as one.

    Market orders go by instrument and side; limit orders by limit and time in force too.
    """

    journal_id: int
    instrument_id: int
    side: Side
    terms: Terms


@dataclass(frozen=True, slots=True)
class Order:
    """A customer's order. ``amount`` or ``quantity`` is what was asked for, the other is None.

    ``held`` is what is still held behind it: dollars of a buy, with ``funding`` saying which kinds; shares of a sell.
    ``ends_as`` says how it ends once its market order lets go of it; ``change_number`` is the request to the venue
    that frees it.
    """

    id: UUID
    journal_id: int
    account_id: UUID
    book_id: int
    instrument_id: int
    side: Side
    terms: Terms
    amount: int | None
    quantity: int | None
    sell_all: bool
    status: OrderStatus
    reference_price: int
    held: int
    placed_at: datetime
    funding: Funding = UNFUNDED
    funding_due_on: date | None = None
    filled_quantity: int = 0
    filled_amount: int = 0
    market_order_id: UUID | None = None
    ends_as: OrderStatus | None = None
    change_number: int | None = None
    replacement: Replacement | None = None
    replaces: UUID | None = None
    replaced_by: UUID | None = None
    reason: str | None = None
    ended_at: datetime | None = None

    @property
    def group(self) -> Group:
        return Group(self.journal_id, self.instrument_id, self.side, group_terms(self.terms))

    @property
    def average_price(self) -> int | None:
        """What a share cost or brought on average, half up; None before the first fill."""
        return _average(self.filled_amount, self.filled_quantity)


def group_terms(terms: Terms) -> Terms:
    """The terms that orders dealt as one share: a market order's are always the same."""
    return Terms() if terms.type is OrderType.MARKET else terms


@dataclass(frozen=True, slots=True)
class Fill:
    """``quantity`` shares for ``amount`` dollars in all."""

    quantity: int
    amount: int


@dataclass(frozen=True, slots=True)
class MarketOrder:
    """Customers' orders of one group, dealt as one.

    ``requested`` is what the allocation statement adds up to, ``quantity`` what is dealt (with the venue, or as
    PRINCIPAL with the house), ``supplied`` what the house sets aside from its inventory so that ``quantity`` can be
    whole shares. Quantities that follow from amounts are rounded to ``precision``. ``allocated_*`` is how much of
    ``filled_*`` has been shared out: to customers, and in the end to the house, which pays ``house_amount`` for its
    part of a buy (and is paid it for its part of a sell). ``departed`` is what those have of it who left before the
    end, at the prices at which they left.
    """

    id: UUID
    journal_id: int
    book_id: int
    instrument_id: int
    side: Side
    terms: Terms
    status: MarketOrderStatus
    reference_price: int
    trade_date: date
    settles_on: date
    created_at: datetime
    capacity: Capacity = Capacity.AGENCY
    precision: Precision = EXACT
    participants: int = 0
    requested: int = 0
    quantity: int = 0
    supplied: int = 0
    filled_quantity: int = 0
    filled_amount: int = 0
    allocated_quantity: int = 0
    allocated_amount: int = 0
    customers_quantity: int = 0
    customers_amount: int = 0
    departed: Fill = Fill(0, 0)
    house_quantity: int = 0
    house_amount: int = 0
    reason: str | None = None
    ended_at: datetime | None = None

    @property
    def group(self) -> Group:
        return Group(self.journal_id, self.instrument_id, self.side, self.terms)

    @property
    def average_price(self) -> int | None:
        """The average price of what is filled, half up; None before the first fill."""
        return _average(self.filled_amount, self.filled_quantity)


@dataclass(frozen=True, slots=True)
class VenueOrderState:
    """How a market order stands with its venue.

    ``number`` is the last request to change it and ``accepted`` the last that the venue accepted. A pending request
    asks for ``asked_quantity`` (None: to cancel). ``quantity`` is what is in force there, if that is less than the
    market order's. ``told_quantity`` is all that was executed, as told with the end.
    """

    market_order_id: UUID
    venue: str
    status: VenueOrderStatus
    number: int
    accepted: int
    asked_quantity: int | None
    quantity: int | None
    told_quantity: int | None
    reason: str | None
    sent_at: datetime | None
    heard_at: datetime | None

    @property
    def awaits_answer(self) -> bool:
        """Whether the last request to change it is not answered yet."""
        return self.status in (VenueOrderStatus.PENDING_REPLACE, VenueOrderStatus.PENDING_CANCEL)


def _average(amount: int, quantity: int) -> int | None:
    return (2 * amount * UNIT + quantity) // (2 * quantity) if quantity else None
