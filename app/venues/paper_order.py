"""An order as the paper venue remembers it: its terms, what has happened to it, and what is decided to happen.

Nothing here asks for chance, time or a quote. What has happened stays; what is only planned can still be cut away.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.venues.port import ENDINGS, Report, ReportKind, VenueOrder

#: What keeps its place: nothing that is planned later comes before it.
_ANSWERS = frozenset({ReportKind.NEW, ReportKind.REPLACED, ReportKind.CHANGE_REJECTED})
#: What comes on its own, even after the end.
_AFTERMATH = frozenset({ReportKind.BUST, ReportKind.CORRECTION})

#: After one of these nothing more is dealt, if all that is in force is executed by then.
_MAY_FILL = frozenset({ReportKind.EXECUTION, ReportKind.REPLACED})


@dataclass(slots=True)
class Step:
    """A report, and when it is due (wall time). ``lost``: it never arrived; ``taken``: it is known to be applied."""

    due: datetime
    report: Report
    lost: bool = False
    taken: bool = False


@dataclass(slots=True)
class PaperOrder:
    """``quantity`` is the one in force and ``cumulative`` what is executed, in units; ``ends_at`` is market time.

    ``accepted`` numbers the last change that was accepted, ``executions`` counts those that happened. ``over``:
    nothing more is going to be dealt. ``version`` grows with every change that is stored.
    """

    order: VenueOrder
    quantity: int
    ends_at: datetime | None
    over: bool = False
    version: int = 1
    accepted: int = 0
    executions: int = 0
    cumulative: int = 0
    planned: list[Step] = field(default_factory=list)
    happened: list[Step] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.order.client_order_id

    @property
    def due_at(self) -> datetime | None:
        """When the next planned step is due (wall time)."""
        return self.planned[0].due if self.planned else None

    @property
    def is_being_dealt(self) -> bool:
        """Whether executions, or an end, are planned."""
        return any(_is_dealing(step) for step in self.planned)

    @property
    def open_quantity(self) -> int:
        """What is neither executed nor planned to be."""
        return self.quantity - self.cumulative - sum(step.report.quantity for step in self.planned if _is_dealing(step))

    def has_ended(self, at: datetime) -> bool:
        """Whether it expires by this moment of market time."""
        return self.ends_at is not None and at >= self.ends_at

    def untold(self) -> list[Report]:
        """What happened, arrived, and isn't known to be applied."""
        return [step.report for step in self.happened if not step.taken and not step.lost]

    def answer_to(self, number: int) -> Step | None:
        """The answer that the change of this number has got, or is about to get."""
        steps = (*self.happened, *self.planned)
        return next((step for step in steps if number and step.report.number == number), None)

    def plan(self, due: datetime, report: Report) -> None:
        """Let ``report`` happen when it is due. Its cumulative quantity, and an execution's id, are filled in then."""
        if report.kind not in _AFTERMATH:
            due = max([due, *(step.due for step in self.planned if step.report.kind in _ANSWERS)])
        insort(self.planned, Step(due, report), key=_due)

    def happen(self, market_now: datetime) -> Step:
        """Take the next planned step as something that has happened."""
        step = self.planned.pop(0)
        match step.report.kind:
            case ReportKind.EXECUTION:
                self.executions += 1
                self.cumulative += step.report.quantity
                step.report = replace(step.report, execution_id=f"{self.id}-{self.executions}")
            case ReportKind.BUST | ReportKind.CORRECTION:
                self.cumulative += step.report.quantity - self._executed(step.report.refers_to)
                step.report = replace(step.report, at=market_now)
        step.report = replace(step.report, cumulative_quantity=self.cumulative)
        self.happened.append(step)
        lowered = any(each.report.kind is ReportKind.REPLACED for each in self.planned)
        if step.report.kind in ENDINGS or (step.report.kind in _MAY_FILL and self._is_filled and not lowered):
            self.stop()
        return step

    def lower(self, quantity: int) -> int:
        """Put a lower quantity in force, though never less than is executed. Answers which it is now.

        If all of it is executed the order is over once that is told: until then some of it may be taken back.
        """
        self.quantity = max(quantity, self.cumulative)
        room = self.quantity - self.cumulative
        for step in self.planned:
            if step.report.kind is ReportKind.EXECUTION:
                step.report = replace(step.report, quantity=min(step.report.quantity, room))
                room -= step.report.quantity
        self._drop(lambda step: step.report.kind is ReportKind.EXECUTION and step.report.quantity == 0)
        return self.quantity

    def stop(self) -> None:
        """Deal nothing more: what was planned of it is cut away."""
        self.over = True
        self._drop(_is_dealing)

    def take(self, report: Report) -> None:
        """Note that a report is applied for good."""
        for step in self.happened:
            step.taken = step.taken or step.report == report

    @property
    def _is_filled(self) -> bool:
        return self.cumulative == self.quantity

    def _executed(self, execution_id: str) -> int:
        return next(step.report.quantity for step in self.happened if step.report.execution_id == execution_id)

    def _drop(self, unwanted: Callable[[Step], bool]) -> None:
        self.planned = [step for step in self.planned if not unwanted(step)]


def _due(step: Step) -> datetime:
    return step.due


def _is_dealing(step: Step) -> bool:
    return step.report.kind is ReportKind.EXECUTION or step.report.kind in ENDINGS
