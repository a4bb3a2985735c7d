"""How the paper venue deals: what becomes of an order, drawn by chance from a seed."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from app.kernel.money import CENT, UNIT
from app.market.calendar import ExchangeCalendar
from app.market.types import Quote, Side
from app.venues.paper_order import PaperOrder, Step
from app.venues.port import Change, Report, ReportKind, VenueOrder
from app.venues.rules import change_refusal_of, ends_at, is_within, refusal_of, touch

PAPER = "paper"

#: Milliseconds, from and to.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PaperBehaviour:
    """How the venue behaves: chances between 0 and 1, latencies in milliseconds, everything drawn from ``seed``.

    ``acknowledge_ms`` lie between an order and NEW, ``first_ms`` between its deal (or its arrival, if it is rejected)
    and the first report of it, ``next_ms`` between executions, ``answer_ms`` between a change and its answer,
    ``aftermath_ms`` between an execution and its bust or correction, and ``late_ms`` delay what is repeated or
    overtaken. A lost report is told only to who asks for the order.
    """

    seed: int = 7
    reject: float = 0.0
    leave_rest: float = 0.0
    split: float = 0.35
    most_executions: int = 4
    bust: float = 0.0
    correct: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    acknowledge_ms: Span = (1, 10)
    first_ms: Span = (15, 120)
    next_ms: Span = (20, 200)
    answer_ms: Span = (5, 30)
    aftermath_ms: Span = (500, 5_000)
    late_ms: Span = (50, 500)
    slip_cents: int = 1


@dataclass(frozen=True, slots=True)
class Moment:
    """What a decision about an instrument rests on. Without a calendar or a quote it can't be dealt."""

    wall: datetime
    market: datetime
    calendar: ExchangeCalendar | None
    quote: Quote | None

    def deals(self, order: VenueOrder) -> bool:
        """Whether the order can be dealt now: in a session, at its limit or better."""
        if self.quote is None or self.calendar is None or not self.calendar.is_open(self.market):
            return False
        return is_within(touch(order.side, self.quote), order)


class PaperDealing:
    """Decides. Every decision is stored before anybody is told of it."""

    def __init__(self, behaviour: PaperBehaviour, chance: random.Random) -> None:
        self._behaviour = behaviour
        self._chance = chance

    def receive(self, order: VenueOrder, moment: Moment) -> PaperOrder:
        """An order has arrived."""
        reason = refusal_of(order) or self._rejection(moment)
        if reason is not None or moment.calendar is None:
            made = PaperOrder(order, order.quantity, None, over=True)
            rejected = _report(made, ReportKind.REJECTED, moment.market, reason=reason)
            made.plan(self._after(moment.wall, self._behaviour.first_ms), rejected)
            return made
        made = PaperOrder(order, order.quantity, ends_at(order, moment.calendar, moment.market))
        acknowledged = self._after(moment.wall, self._behaviour.acknowledge_ms)
        made.plan(acknowledged, _report(made, ReportKind.NEW, moment.market))
        self.advance(made, moment)
        return made

    def is_due(self, made: PaperOrder, moment: Moment) -> bool:
        """Whether ``advance`` would change anything."""
        if made.due_at is not None and made.due_at <= moment.wall:
            return True
        return not made.over and (made.has_ended(moment.market) or self._can_be_dealt(made, moment))

    def advance(self, made: PaperOrder, moment: Moment) -> None:
        """Let happen what is due; then the order may expire, or be dealt."""
        self._let_happen(made, moment)
        if made.over:
            return
        if made.has_ended(moment.market):
            made.stop()
            assert made.ends_at is not None
            made.plan(moment.wall, _report(made, ReportKind.EXPIRED, made.ends_at))
        elif self._can_be_dealt(made, moment):
            assert moment.quote is not None
            self._deal(made, moment.quote, moment)
        self._let_happen(made, moment)

    def change(self, made: PaperOrder, change: Change, moment: Moment) -> None:
        """Decide a request that has not been answered before."""
        self.advance(made, moment)
        details: dict[str, Any] = {"number": change.number}
        refusal = change_refusal_of(change, made.quantity, made.accepted, over=made.over)
        if refusal is not None:
            kind, details["reason"] = ReportKind.CHANGE_REJECTED, refusal
        elif change.quantity is None:
            kind, made.accepted = ReportKind.CANCELED, change.number
            made.stop()
        else:
            kind, made.accepted = ReportKind.REPLACED, change.number
            details["order_quantity"] = made.lower(change.quantity)
        made.plan(self._after(moment.wall, self._behaviour.answer_ms), _report(made, kind, moment.market, **details))

    def arrivals(self, now: datetime) -> list[datetime]:
        """When a report told now arrives: once as a rule, later than others or twice by chance."""
        behaviour = self._behaviour
        first = self._after(now, behaviour.late_ms) if self._chance.random() < behaviour.reorder else now
        again = self._chance.random() < behaviour.duplicate
        return [first, self._after(first, behaviour.late_ms)] if again else [first]

    def _can_be_dealt(self, made: PaperOrder, moment: Moment) -> bool:
        return made.open_quantity > 0 and not made.is_being_dealt and moment.deals(made.order)

    def _rejection(self, moment: Moment) -> str | None:
        if moment.calendar is None:
            return "the paper venue does not know the instrument"
        if moment.quote is None:
            return "no quote"
        return "rejected by the paper venue" if self._chance.random() < self._behaviour.reject else None

    def _let_happen(self, made: PaperOrder, moment: Moment) -> None:
        while made.due_at is not None and made.due_at <= moment.wall:
            step = made.happen(moment.market)
            step.lost = self._chance.random() < self._behaviour.lose
            if step.report.kind is ReportKind.EXECUTION:
                self._plan_aftermath(made, step)

    def _plan_aftermath(self, made: PaperOrder, step: Step) -> None:
        execution, draw = step.report, self._chance.random()
        if draw >= self._behaviour.bust + self._behaviour.correct:
            return
        busted = draw < self._behaviour.bust
        made.plan(
            self._after(step.due, self._behaviour.aftermath_ms),
            replace(
                execution,
                kind=ReportKind.BUST if busted else ReportKind.CORRECTION,
                execution_id=f"{execution.execution_id}-{'bust' if busted else 'corrected'}",
                refers_to=execution.execution_id,
                quantity=0 if busted else self._corrected(execution.quantity),
                price=0 if busted else self._corrected_price(made.order, execution.price),
            ),
        )

    def _corrected_price(self, order: VenueOrder, price: int) -> int:
        """A cent more or less, if the limit allows it."""
        corrected = price + self._chance.choice((-1, 1)) * CENT
        return corrected if corrected > 0 and is_within(corrected, order) else price

    def _corrected(self, quantity: int) -> int:
        """As it was, or less: never more, which could be more than was ordered."""
        lot = UNIT if quantity % UNIT == 0 else 1
        return self._chance.choice((quantity, self._chance.randint(1, quantity // lot) * lot))

    def _deal(self, made: PaperOrder, quote: Quote, moment: Moment) -> None:
        """Plan the executions of what is open, and the end if a part is left unfilled."""
        due = self._after(moment.wall, self._behaviour.first_ms)
        parts = self._parts(made.open_quantity)
        for number, quantity in enumerate(parts, 1):
            price = self._price(made.order, quote, number)
            made.plan(due, _report(made, ReportKind.EXECUTION, moment.market, quantity=quantity, price=price))
            due = self._after(due, self._behaviour.next_ms)
        if made.open_quantity:
            reason = "the paper venue left the rest unfilled"
            made.plan(due, _report(made, ReportKind.CANCELED, moment.market, reason=reason))

    def _parts(self, quantity: int) -> list[int]:
        """The executions' quantities: whole shares if what is open is whole shares."""
        chance = self._chance
        lot = UNIT if quantity % UNIT == 0 else 1
        lots = quantity // lot
        if chance.random() < self._behaviour.leave_rest:
            lots = chance.randint(0, lots - 1)
        pieces = 1
        if lots > 1 and chance.random() < self._behaviour.split:
            pieces = chance.randint(2, min(self._behaviour.most_executions, lots))
        cuts = sorted({0, lots, *(chance.randint(1, lots) for _ in range(pieces - 1))}) if lots else [0]
        return [(high - low) * lot for low, high in pairwise(cuts)]

    def _price(self, order: VenueOrder, quote: Quote, number: int) -> int:
        """The touch, and a cent or so worse with each further execution, but never beyond the limit."""
        slip = self._chance.randint(0, number * self._behaviour.slip_cents) * CENT
        if order.side is Side.BUY:
            price = quote.ask + slip
            return price if order.limit_price is None else min(price, order.limit_price)
        price = max(CENT, quote.bid - slip)
        return price if order.limit_price is None else max(price, order.limit_price)

    def _after(self, time: datetime, span: Span) -> datetime:
        return time + timedelta(milliseconds=self._chance.randint(*span))


def _report(made: PaperOrder, kind: ReportKind, at: datetime, **details: Any) -> Report:
    return Report(venue=PAPER, client_order_id=made.id, kind=kind, at=at, **details)
