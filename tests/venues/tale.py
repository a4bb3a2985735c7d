"""What a venue told of one order, put together and checked for sense."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.market.types import Side
from app.venues.port import ENDINGS, Report, ReportKind, VenueOrder

#: What may follow an ending: earlier executions put right, and requests that come too late.
AFTER_THE_END = frozenset({ReportKind.BUST, ReportKind.CORRECTION, ReportKind.CHANGE_REJECTED})


@dataclass(slots=True)
class Tale:
    """Every different report on an order, in the order of arrival; ``listen`` may be given repetitions."""

    order: VenueOrder
    reports: list[Report] = field(default_factory=list)

    def listen(self, reports: Sequence[Report]) -> None:
        for report in reports:
            if report.client_order_id == self.order.client_order_id and report not in self.reports:
                self.reports.append(report)

    def of(self, *kinds: ReportKind) -> list[Report]:
        return [report for report in self.reports if report.kind in kinds]

    @property
    def kinds(self) -> set[ReportKind]:
        return {report.kind for report in self.reports}

    @property
    def ending(self) -> Report | None:
        return next(iter(self.of(*ENDINGS)), None)

    @property
    def executed(self) -> int:
        """What the executions come to, busts and corrections counted in."""
        quantities: dict[str, int] = {}
        for report in self.of(ReportKind.EXECUTION):
            quantities[report.execution_id] = report.quantity
        for report in self.of(ReportKind.BUST, ReportKind.CORRECTION):
            quantities[report.refers_to] = report.quantity if report.kind is ReportKind.CORRECTION else 0
        return sum(quantities.values())

    @property
    def in_force(self) -> int:
        """The order's quantity after the last change that was accepted."""
        return min([self.order.quantity, *(report.order_quantity for report in self.of(ReportKind.REPLACED))])

    @property
    def is_over(self) -> bool:
        """Ended, or filled."""
        return self.ending is not None or self.most_executed >= self.in_force

    @property
    def most_executed(self) -> int:
        return max((report.cumulative_quantity for report in self.reports), default=0)

    def answer(self, number: int) -> Report | None:
        return next((report for report in self.reports if report.number == number), None)

    def check(self, *, complete: bool = True) -> None:
        """The tale makes sense, in whatever order it was told; ``complete``: nothing is missing from it."""
        executions = self.of(ReportKind.EXECUTION, ReportKind.BUST, ReportKind.CORRECTION)
        ids = [report.execution_id for report in executions]
        assert all(ids), "every execution has an id"
        assert len(ids) == len(set(ids)), "ids are unique"
        for report in self.of(ReportKind.EXECUTION, ReportKind.CORRECTION):
            assert report.quantity > 0
            assert report.price > 0
            assert self.order.limit_price is None or _within(report.price, self.order), "the limit is kept"
        assert len({report.kind for report in self.of(*ENDINGS)}) <= 1, "an order ends once"
        assert len(self.of(*ENDINGS)) <= 1
        assert self.most_executed <= self.order.quantity, "never more is executed than was ordered"
        if complete:
            self._check_sums()

    def _check_sums(self) -> None:
        assert self.executed <= self.in_force, "nor more than is in force"
        known = {report.execution_id for report in self.of(ReportKind.EXECUTION)}
        assert all(each.refers_to in known for each in self.of(ReportKind.BUST, ReportKind.CORRECTION))

    def check_in_order(self) -> None:
        """The tale as the venue tells it in one piece: each cumulative quantity follows from the one before."""
        self.check()
        cumulative, quantities, ended = 0, dict[str, int](), False
        in_force = self.order.quantity
        for place, report in enumerate(self.reports):
            assert not ended or report.kind in AFTER_THE_END, "nothing but repairs comes after the end"
            assert (report.kind is ReportKind.NEW) <= (place == 0), "NEW comes first"
            match report.kind:
                case ReportKind.EXECUTION:
                    quantities[report.execution_id] = report.quantity
                case ReportKind.BUST:
                    quantities[report.refers_to] = 0
                case ReportKind.CORRECTION:
                    quantities[report.refers_to] = report.quantity
                case ReportKind.REPLACED:
                    assert report.order_quantity <= in_force
                    in_force = report.order_quantity
            cumulative = sum(quantities.values())
            assert report.cumulative_quantity == cumulative
            assert cumulative <= in_force
            ended = ended or report.kind in ENDINGS


def _within(price: int, order: VenueOrder) -> bool:
    assert order.limit_price is not None
    return price <= order.limit_price if order.side is Side.BUY else price >= order.limit_price
