"""What a venue's reports mean for a market order: the state machine of the order at the venue. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from app.kernel.money import multiply
from app.orders.plan import Progress
from app.orders.types import Capacity, Fill, MarketOrder, MarketOrderStatus, VenueOrderState, VenueOrderStatus
from app.venues.port import ENDINGS, Report, ReportKind

#: Why orders end that the venue has dealt in part, and will not deal in any more.
_LOWERED = "the venue had lowered the order, and has dealt what was left of it"


@dataclass(frozen=True, slots=True)
class Told:
    """A report with the clearing business date of what it tells of, and the day on which that settles."""

    report: Report
    trade_date: date
    settles_on: date


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that stands: its id with us, what it was, and whether it was shared out already."""

    id: UUID
    quantity: int
    price: int
    allocated: bool

    @property
    def amount(self) -> int:
        return multiply(self.quantity, self.price)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An execution that a bust took back, or that a correction (``instead``) replaces."""

    execution: Execution
    told: Told
    instead: Execution | None


@dataclass(slots=True)
class Hearing:
    """A market order, and what is new about it."""

    market_order: MarketOrder
    venue_order: VenueOrderState
    gone_before: int = 0
    early: bool = False
    executions: list[tuple[Execution, Told]] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    changed: list[Report] = field(default_factory=list)
    refused: list[Report] = field(default_factory=list)

    def execute(self, execution: Execution, told: Told) -> None:
        """An execution that was not known."""
        self.executions.append((execution, told))
        self._dealt(execution.quantity, execution.amount)
        self._may_be_filled(told.report)
        at_venue, filled = self.venue_order, self.market_order.filled_quantity
        if at_venue.status is VenueOrderStatus.FILLED and filled > (at_venue.told_quantity or 0):
            self.venue_order = replace(at_venue, told_quantity=filled)  # it had lowered the order, and deals more
        if told.settles_on >= self.market_order.settles_on:
            self.market_order = replace(self.market_order, trade_date=told.trade_date, settles_on=told.settles_on)

    def hear_again(self, report: Report) -> None:
        """An execution that was known: it may say that all was dealt, of an order that we did not know was lowered."""
        self._may_be_filled(report)

    def take_back(self, taken: TakenBack) -> None:
        """An execution does not stand, or not as it was told first."""
        told_quantity, filled = self.venue_order.told_quantity, self.market_order.filled_quantity
        self.taken_back.append(taken)
        self._dealt(-taken.execution.quantity, -taken.execution.amount)
        change = -taken.execution.quantity
        if taken.instead is not None:
            self._dealt(taken.instead.quantity, taken.instead.amount)
            change += taken.instead.quantity
        # An end that told of less than we know came after this, and counted it.
        if told_quantity is not None and told_quantity >= filled:
            self.venue_order = replace(self.venue_order, told_quantity=told_quantity + change)

    def hear(self, report: Report, at: datetime) -> None:
        """Anything but an execution, a bust or a correction."""
        was = self.venue_order
        self.venue_order = replace(was, heard_at=at)
        if was.status.is_final:
            return
        pending = report.number == was.number and was.awaits_answer
        # The venue's word counts also where nobody waits for it any more: what is asked next has to follow on it.
        replaced = report.kind is ReportKind.REPLACED and was.accepted < report.number <= was.number
        if replaced and report.cumulative_quantity > self._known:
            self.early = True  # who leaves has a part in what was dealt until then, of which we do not know yet
            return
        if report.kind is ReportKind.NEW and was.status is VenueOrderStatus.PENDING_NEW:
            self.venue_order = replace(self.venue_order, status=VenueOrderStatus.NEW)
        elif replaced:
            self._lower(report, pending=pending)
        elif report.kind is ReportKind.CHANGE_REJECTED and pending:
            self.refused.append(report)
            self.venue_order = replace(self.venue_order, status=VenueOrderStatus.NEW)
        elif report.kind in ENDINGS:
            self.venue_order = replace(
                self.venue_order,
                status=VenueOrderStatus(report.kind.value),
                accepted=was.number if pending else was.accepted,
                told_quantity=report.cumulative_quantity,
                reason=report.reason,
            )

    def _lower(self, report: Report, *, pending: bool) -> None:
        """A request was accepted. If it isn't ``pending``, those who wanted it have been told that they stay."""
        self.changed.append(report)
        in_force, asked = report.order_quantity, self.venue_order.asked_quantity
        if pending and asked is not None:
            # More than was asked for, where more was dealt by then; less is wanted by nobody, only in force there.
            wanted = min(self.market_order.quantity, max(asked, in_force))
            self.market_order = replace(self.market_order, quantity=wanted)
        quantity = in_force if in_force < self.market_order.quantity else None
        status = VenueOrderStatus.NEW if pending else self.venue_order.status
        self.venue_order = replace(self.venue_order, status=status, accepted=report.number, quantity=quantity)
        self._may_be_filled(report)

    def _dealt(self, quantity: int, amount: int) -> None:
        made = self.market_order
        self.market_order = replace(
            made, filled_quantity=made.filled_quantity + quantity, filled_amount=made.filled_amount + amount
        )
        if self.venue_order.status is VenueOrderStatus.PENDING_NEW and quantity > 0:
            self.venue_order = replace(self.venue_order, status=VenueOrderStatus.NEW)

    def _may_be_filled(self, report: Report) -> None:
        """Once all is executed nothing more is dealt, even if something of it is taken back in the next breath."""
        filled = self.market_order.filled_quantity
        executed = max(report.cumulative_quantity, filled)
        wanted, lowered = self.market_order.quantity, self.venue_order.quantity
        deals = wanted if lowered is None else min(wanted, lowered)
        if executed >= deals and not self.venue_order.status.is_final:
            # A bust that we heard of before the last execution came after it at the venue, which deals no more.
            early = self._gone if filled + self._gone <= executed else 0
            told, reason = executed - early, _LOWERED if deals < wanted else self.venue_order.reason
            self.venue_order = replace(
                self.venue_order, status=VenueOrderStatus.FILLED, told_quantity=told, reason=reason
            )

    @property
    def _known(self) -> int:
        """What the venue has told of as dealt, whether it stands or not."""
        return self.market_order.filled_quantity + self._gone

    @property
    def _gone(self) -> int:
        """How much of what was ever executed was taken back, as far as we know."""
        now = sum(each.execution.quantity - (each.instead.quantity if each.instead else 0) for each in self.taken_back)
        return self.gone_before + now

    @property
    def standing(self) -> Fill:
        """What still stands of the part that was shared out before."""
        quantity, amount = self.market_order.allocated_quantity, self.market_order.allocated_amount
        for taken in self.taken_back:
            if taken.execution.allocated:
                quantity -= taken.execution.quantity
                amount -= taken.execution.amount
                if taken.instead is not None:
                    quantity += taken.instead.quantity
                    amount += taken.instead.amount
        return Fill(quantity, amount)


def progress_of(made: MarketOrder, at_venue: VenueOrderState, standing: Fill) -> Progress:
    """Where the market order stands.

    It is over when all is dealt, or when the venue has ended it and we know of every execution that it told of: an
    ending that tells of more waits for what got lost.
    """
    fill = Fill(made.filled_quantity, made.filled_amount)
    ending: MarketOrderStatus | None = None
    if made.ended_at is None:
        if fill.quantity >= made.quantity:
            ending = MarketOrderStatus.FILLED
        elif at_venue.status.is_final and at_venue.told_quantity == fill.quantity:
            rejected = at_venue.status is VenueOrderStatus.REJECTED and not fill.quantity
            canceled = at_venue.status in (VenueOrderStatus.REJECTED, VenueOrderStatus.FILLED) and not rejected
            ending = MarketOrderStatus.CANCELED if canceled else MarketOrderStatus(at_venue.status.value)
    reason = at_venue.reason if ending is not MarketOrderStatus.FILLED else None
    accepted = at_venue.accepted
    if at_venue.status.is_final and made.ended_at is None and ending is None:
        accepted = min(accepted, at_venue.number - 1)  # nobody is free by an end that waits
    return Progress(made, fill, standing, ending, reason, accepted)


def street_part(made: MarketOrder, quantity: int, amount: int) -> tuple[int, int]:
    """What of a deal is between us and the clearing house: nothing, when the house itself was the counterparty."""
    return (0, 0) if made.capacity is Capacity.PRINCIPAL else (quantity, amount)


def in_order(told: Sequence[Told]) -> Mapping[UUID, list[Told]]:
    """Reports by market order, in the order in which they came."""
    found: dict[UUID, list[Told]] = {}
    for each in told:
        found.setdefault(each.report.client_order_id, []).append(each)
    return found
