"""The port to a venue. Anything that deals for us stands behind it. tests/venues says what it must do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.market.types import Side, TimeInForce


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as a venue sees it. ``client_order_id`` makes sending it twice harmless.

    ``quantity`` and ``limit_price`` (None: deal at any price) are units of 1e-8. ``expires_at`` is market time and
    belongs to GTD alone; DAY orders end with the session in which they could first be dealt.
    """

    client_order_id: UUID
    instrument_id: int
    side: Side
    quantity: int
    limit_price: int | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A request to lower an order's quantity to ``quantity`` (units; what is filled counts in), or to cancel it: None.

    Requests about an order are numbered from 1; ``replaces`` is the last number that the venue accepted, 0 being the
    order itself. Only one is under way at a time, and sending the same number again changes nothing.
    """

    order: VenueOrder
    number: int
    replaces: int
    quantity: int | None


class ReportKind(StrEnum):
    """What a venue says of an order."""

    NEW = "NEW"
    EXECUTION = "EXECUTION"
    BUST = "BUST"
    CORRECTION = "CORRECTION"
    REPLACED = "REPLACED"
    CHANGE_REJECTED = "CHANGE_REJECTED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


#: After one of these nothing more is dealt.
ENDINGS = frozenset({ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED})


@dataclass(frozen=True, slots=True)
class Report:
    """One message of a venue. Quantities and prices are units of 1e-8, ``at`` is market time.

    ``cumulative_quantity`` is all that was executed once this had happened: if we know of less, something is still to
    come. An EXECUTION carries its id, quantity and price. A BUST takes the execution ``refers_to`` back; a CORRECTION
    puts its own quantity and price, under an id of its own, in that one's place. REPLACED carries the
    ``order_quantity`` in force. Answers to a ``Change`` carry its ``number``.
    """

    venue: str
    client_order_id: UUID
    kind: ReportKind
    at: datetime
    execution_id: str = ""
    quantity: int = 0
    price: int = 0
    cumulative_quantity: int = 0
    refers_to: str = ""
    order_quantity: int = 0
    number: int = 0
    reason: str | None = None


class Venue(Protocol):
    """Takes orders and reports on them. Reports may come late, twice, out of order and after a restart."""

    name: str
    #: Whether only one process at a time can speak to it (a FIX session): then whoever does sends everybody's orders.
    exclusive: bool

    def ready(self) -> bool:
        """Whether orders can be sent from here now."""

    async def submit(self, order: VenueOrder) -> None:
        """Send the order; the same id again changes nothing. Raises if it was not sent, or may not have been."""

    async def change(self, change: Change) -> None:
        """Ask for less, or for the end. Answered by REPLACED, CANCELED, another ending, or CHANGE_REJECTED.

        An order that was never sent is sent first where our side remembers what was; elsewhere that is refused.
        """

    async def knows(self, order: VenueOrder) -> bool | None:
        """Whether the venue has the order, about which it then reports again; None if it did not say in time."""

    async def reports(self, now: datetime) -> Sequence[Report]:
        """What has arrived by ``now`` (wall time) since the last call, in order."""

    async def taken(self, reports: Sequence[Report]) -> None:
        """These reports are applied for good; until it is told so, a venue hands them over again after a restart."""

    def next_report_at(self) -> datetime | None:
        """When (wall time) the next report is known to be due, if that is known."""

    def listen(self, ring: Callable[[], None]) -> None:
        """Call ``ring`` whenever a report arrives of itself."""
