"""An order as a FIX venue has told it so far, and how it tells what comes next."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.times import to_text as time_text
from app.kernel.money import divide_half_up, to_text
from app.venues.fix.fields import (
    CHANGE_TOO_LATE,
    OTHER,
    SIDES,
    OrdStatus,
    cl_ord_id,
    printable,
)
from app.venues.fix.orders import Fields
from app.venues.fix.reports import KINDS
from app.venues.port import ENDINGS, Report, ReportKind, VenueOrder

_EXEC_TYPES: Final = {kind: exec_type for exec_type, kind in KINDS.items()}
_ENDED: Final = {
    ReportKind.CANCELED: OrdStatus.CANCELED,
    ReportKind.EXPIRED: OrdStatus.EXPIRED,
    ReportKind.REJECTED: OrdStatus.REJECTED,
}
_ANSWERS: Final = (ReportKind.REPLACED, ReportKind.CANCELED, ReportKind.CHANGE_REJECTED)


@dataclass(slots=True)
class Ticket:
    """Follows from the order and the reports told of it, in their order; quantities are units of 1e-8.

    ``told`` holds what each report is told by apart: an ExecID, or the request that was refused.
    """

    order: VenueOrder
    symbol: str
    quantity: int
    executed: int = 0
    accepted: int = 0
    ending: ReportKind | None = None
    acknowledged: bool = False
    told: set[str] = field(default_factory=set)
    executions: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """OrdStatus."""
        if self.ending is not None:
            return _ENDED[self.ending]
        if self.executed >= self.quantity:
            return OrdStatus.FILLED
        if self.executed:
            return OrdStatus.PARTIALLY_FILLED
        return OrdStatus.NEW if self.acknowledged else OrdStatus.PENDING_NEW

    @property
    def average_price(self) -> int:
        """Over what was told; zero as long as that is nothing."""
        shares = sum(quantity for quantity, _ in self.executions.values())
        return divide_half_up(sum(q * p for q, p in self.executions.values()), shares) if shares else 0

    def has_told(self, report: Report) -> bool:
        """Whether the client has been told."""
        return key_of(report) in self.told

    def has_answered(self, number: int) -> bool:
        """Whether the client has been told what became of that request."""
        name = cl_ord_id(self.order.client_order_id, number)
        return any(f"{name}-{kind.lower()}" in self.told for kind in _ANSWERS)

    def apply(self, report: Report) -> None:
        """The client is told."""
        self.told.add(key_of(report))
        if report.kind is not ReportKind.CHANGE_REJECTED:
            self.acknowledged = True
            self.executed = report.cumulative_quantity
        match report.kind:
            case ReportKind.EXECUTION:
                self.executions[report.execution_id] = report.quantity, report.price
            case ReportKind.BUST:
                self.executions.pop(report.refers_to, None)
            case ReportKind.CORRECTION:
                self.executions[report.refers_to] = report.quantity, report.price
            case ReportKind.REPLACED:
                self.quantity, self.accepted = report.order_quantity, report.number
        if report.kind in ENDINGS:
            self.ending, self.accepted = report.kind, report.number or self.accepted

    def tell(self, report: Report) -> Message:
        """The message that tells of a report, which counts as told from now on."""
        before = self.accepted
        self.apply(report)
        if report.kind is ReportKind.CHANGE_REJECTED:
            return self._cancel_reject(report)
        answers = report.number > 0
        fields = self._state(report.number if answers else self.accepted) | {
            Tag.ORIG_CL_ORD_ID: cl_ord_id(self.order.client_order_id, before) if answers else None,
            Tag.EXEC_ID: key_of(report),
            Tag.EXEC_TYPE: _EXEC_TYPES[report.kind],
            Tag.EXEC_REF_ID: report.refers_to or None,
            Tag.LAST_QTY: to_text(report.quantity) if report.price else None,
            Tag.LAST_PX: to_text(report.price) if report.price else None,
            Tag.ORD_REJ_REASON: OTHER if report.kind is ReportKind.REJECTED else None,
            Tag.TRANSACT_TIME: time_text(report.at),
            Tag.TEXT: printable(report.reason),
        }
        return Message.of(MsgType.EXECUTION_REPORT, fields)

    def tell_status(self, exec_id: str, at: datetime, request_id: str | None = None) -> Message:
        """Where the order stands, as an answer. ``at`` is market time."""
        fields = self._state(self.accepted) | {
            Tag.EXEC_ID: exec_id,
            Tag.EXEC_TYPE: "I",
            Tag.ORD_STATUS_REQ_ID: request_id,
            Tag.TRANSACT_TIME: time_text(at),
        }
        return Message.of(MsgType.EXECUTION_REPORT, fields)

    def _state(self, number: int) -> Fields:
        open_ = 0 if self.ending is not None else max(0, self.quantity - self.executed)
        return {
            Tag.ORDER_ID: self.order.client_order_id.hex,
            Tag.CL_ORD_ID: cl_ord_id(self.order.client_order_id, number),
            Tag.ORD_STATUS: self.status,
            Tag.SYMBOL: self.symbol,
            Tag.SIDE: SIDES[self.order.side],
            Tag.ORDER_QTY: to_text(self.quantity),
            Tag.LEAVES_QTY: to_text(open_),
            Tag.CUM_QTY: to_text(self.executed),
            Tag.AVG_PX: to_text(self.average_price),
        }

    def _cancel_reject(self, report: Report) -> Message:
        id_ = self.order.client_order_id
        fields: Fields = {
            Tag.ORDER_ID: id_.hex,
            Tag.CL_ORD_ID: cl_ord_id(id_, report.number),
            Tag.ORIG_CL_ORD_ID: cl_ord_id(id_, self.accepted),
            Tag.ORD_STATUS: self.status,
            Tag.CXL_REJ_RESPONSE_TO: "1",
            Tag.CXL_REJ_REASON: CHANGE_TOO_LATE if self.ending or self.executed >= self.quantity else OTHER,
            Tag.TRANSACT_TIME: time_text(report.at),
            Tag.TEXT: printable(report.reason),
        }
        return Message.of(MsgType.ORDER_CANCEL_REJECT, fields)


def key_of(report: Report) -> str:
    """What tells a report apart from all others: the venue's execution id, or what can happen once only."""
    if report.execution_id:
        return report.execution_id
    return f"{cl_ord_id(report.client_order_id, report.number)}-{report.kind.lower()}"
