"""The events of a market order's own stream for what its venue told. Pure."""

from typing import Any

from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.postings import street_buys_from_us, street_sells_to_us
from app.ledger.types import Entry, Journal, Leg
from app.market.types import Side
from app.orders.hear import Execution, TakenBack
from app.orders.progress import ENGINE
from app.orders.types import MarketOrder
from app.venues.house import HOUSE
from app.venues.port import Report, ReportKind


def execution_entry(journal: Journal, made: MarketOrder, execution: Execution, report: Report) -> Entry:
    """An execution, and what it makes us owe the street and the street owe us."""
    data = _figures(made, execution) | {"venue": report.venue}
    event = NewEvent(
        made.book_id, EventType.EXECUTION, ENGINE, report.at, cause=execution.id, correlation=made.id, data=data
    )
    return Entry(event, [] if report.venue == HOUSE else _dealt(journal, made, execution, back=False))


def bust_entry(journal: Journal, made: MarketOrder, taken: TakenBack) -> Entry:
    """An execution is taken back, or another takes its place."""
    report, instead = taken.told.report, taken.instead
    data = _figures(made, taken.execution) | {"venue": report.venue, "reason": report.reason}
    legs = [] if report.venue == HOUSE else _dealt(journal, made, taken.execution, back=True)
    type_ = EventType.EXECUTION_BUSTED
    if instead is not None:
        type_ = EventType.EXECUTION_CORRECTED
        data |= {"instead": {"execution": str(instead.id), "quantity": to_text(instead.quantity)}}
        data["instead"] |= {"price": to_text(instead.price), "amount": to_text(instead.amount)}
        legs += [] if report.venue == HOUSE else _dealt(journal, made, instead, back=False)
    event = NewEvent(made.book_id, type_, ENGINE, report.at, cause=taken.execution.id, correlation=made.id, data=data)
    return Entry(event, legs)


def change_entry(made: MarketOrder, report: Report) -> Entry:
    """The venue has lowered the order, or has refused to."""
    accepted = report.kind is ReportKind.REPLACED
    type_ = EventType.MARKET_ORDER_CHANGED if accepted else EventType.MARKET_ORDER_CHANGE_REJECTED
    quantity = report.order_quantity if accepted else made.quantity
    data = {"market_order": str(made.id), "number": report.number, "quantity": to_text(quantity)}
    if report.reason is not None:
        data["reason"] = report.reason
    return Entry(NewEvent(made.book_id, type_, ENGINE, report.at, correlation=made.id, data=data))


def _figures(made: MarketOrder, execution: Execution) -> dict[str, Any]:
    return {
        "market_order": str(made.id),
        "execution": str(execution.id),
        "instrument": made.instrument_id,
        "side": made.side,
        "quantity": to_text(execution.quantity),
        "price": to_text(execution.price),
        "amount": to_text(execution.amount),
    }


def _dealt(journal: Journal, made: MarketOrder, execution: Execution, *, back: bool) -> list[Leg]:
    deal = street_sells_to_us if made.side is Side.BUY else street_buys_from_us
    legs = deal(journal, made.book_id, made.instrument_id, execution.quantity, execution.amount)
    return [Leg(leg.credit, leg.debit, leg.amount) for leg in legs] if back else legs
