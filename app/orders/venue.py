"""The port to a venue. Anything that deals for us stands behind it: the paper venue here, FIX venues later."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.orders.types import Side


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """A market order as the venue sees it. ``client_order_id`` makes sending it twice harmless."""

    client_order_id: UUID
    instrument_id: int
    side: Side
    quantity: int


class ReportKind(StrEnum):
    """What a venue says of an order."""

    EXECUTION = "EXECUTION"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Report:
    """One message of the venue. Executions carry their id, quantity and price (units).

    Endings carry a reason, and as quantity all that was executed: if we know of less, something is still to come.
    """

    venue: str
    client_order_id: UUID
    kind: ReportKind
    at: datetime
    execution_id: str = ""
    quantity: int = 0
    price: int = 0
    reason: str | None = None


class Venue(Protocol):
    """Takes orders and reports on them. Reports may come late, twice and after a restart."""

    name: str
    extended_hours: bool

    async def submit(self, order: VenueOrder) -> None:
        """Send the order; sending the same id again changes nothing."""

    async def knows(self, client_order_id: UUID) -> bool:
        """Whether the venue has the order. If so it reports everything about it (again)."""

    def reports(self, now: datetime) -> list[Report]:
        """What has arrived by ``now`` since the last call, in order."""

    def next_report_at(self) -> datetime | None:
        """When the next report is known to be due, if that is known."""

    def listen(self, ring: Callable[[], None]) -> None:
        """Call ``ring`` whenever a report arrives of itself."""
