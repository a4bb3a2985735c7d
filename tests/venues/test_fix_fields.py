"""Orders, requests and reports as FIX fields, and back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fix.errors import FieldError
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.kernel.money import UNIT
from app.market.catalogue import INSTRUMENTS
from app.market.types import Side, TimeInForce
from app.venues.fix.fields import units_of
from app.venues.fix.orders import change_message, change_of, order_message, order_of
from app.venues.fix.reports import execution_report, standing
from app.venues.fix.ticket import Ticket
from app.venues.port import Change, Report, ReportKind, VenueOrder

BY_SYMBOL = {each.symbol: each for each in INSTRUMENTS}
KO = BY_SYMBOL["KO"]
NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
ID = UUID(int=7)

_units = st.integers(1, 10**18)
_moments = st.integers(0, 10**10).map(lambda ms: NOW + timedelta(milliseconds=ms))


@st.composite
def orders(draw: st.DrawFn) -> VenueOrder:
    time_in_force = draw(st.sampled_from(TimeInForce))
    return VenueOrder(
        UUID(int=draw(st.integers(0, 2**128 - 1))),
        KO.id,
        draw(st.sampled_from(Side)),
        draw(_units),
        draw(st.none() | _units),
        time_in_force,
        draw(_moments) if time_in_force is TimeInForce.GTD else None,
    )


@given(orders())
def test_an_order_comes_back_as_it_was(order: VenueOrder) -> None:
    assert order_of(order_message(order, "KO", NOW), BY_SYMBOL) == order


@given(orders(), st.integers(1, 99), st.integers(0, 99), st.none() | _units)
def test_a_change_comes_back_as_it_was(order: VenueOrder, number: int, replaces: int, quantity: int | None) -> None:
    change = Change(order, number, replaces, quantity)
    message = change_message(change, "KO", NOW)
    assert message[Tag.CL_ORD_ID] == f"{order.client_order_id.hex}.{number}"
    assert message.type == (MsgType.ORDER_CANCEL_REQUEST if quantity is None else "G")
    assert change_of(message, order) == change


_ids = st.text("abc-0123", min_size=1, max_size=12)


@st.composite
def told(draw: st.DrawFn) -> Report:
    """What a venue can say of the order ``ID``."""
    kind = draw(st.sampled_from([each for each in ReportKind if each is not ReportKind.CHANGE_REJECTED]))
    dealt = kind in (ReportKind.EXECUTION, ReportKind.CORRECTION)
    repair = kind in (ReportKind.BUST, ReportKind.CORRECTION)
    answer = kind is ReportKind.REPLACED or (kind is ReportKind.CANCELED and draw(st.booleans()))
    return Report(
        venue="fix",
        client_order_id=ID,
        kind=kind,
        at=draw(_moments),
        execution_id=draw(_ids) if dealt or repair else "",
        quantity=draw(_units) if dealt else 0,
        price=draw(_units) if dealt else 0,
        cumulative_quantity=draw(st.integers(0, 10**18)),
        refers_to=draw(_ids) if repair else "",
        order_quantity=draw(_units) if kind is ReportKind.REPLACED else 0,
        number=draw(st.integers(1, 99)) if answer else 0,
        reason=draw(st.none() | st.text("ab c", min_size=1).map(str.strip).filter(bool)),
    )


@given(st.lists(told(), max_size=5))
def test_reports_come_back_as_they_were(reports: list[Report]) -> None:
    ticket = Ticket(VenueOrder(ID, KO.id, Side.BUY, 10**18), "KO", 10**18)
    for report in reports:
        message = ticket.tell(report)
        assert execution_report(message, "fix") == report
        assert ticket.has_told(report)


def test_a_ticket_tells_what_was_dealt_at_which_average() -> None:
    ticket = Ticket(VenueOrder(ID, KO.id, Side.BUY, 100 * UNIT), "KO", 100 * UNIT)
    steps: list[tuple[Report, tuple[str, str, str, str]]] = [
        (_report(ReportKind.NEW), ("0", "0.00", "100.00", "0.00")),
        (_report(ReportKind.EXECUTION, "a", 40, 10, 40), ("1", "40.00", "60.00", "10.00")),
        (_report(ReportKind.EXECUTION, "b", 60, 11, 100), ("2", "100.00", "0.00", "10.60")),
        (_report(ReportKind.CORRECTION, "c", 60, 12, 100, "b"), ("2", "100.00", "0.00", "11.20")),
        (_report(ReportKind.BUST, "d", 0, 0, 60, "a"), ("1", "60.00", "40.00", "12.00")),
        (_report(ReportKind.EXPIRED, executed=60), ("C", "60.00", "0.00", "12.00")),
    ]
    for report, expected in steps:
        message = ticket.tell(report)
        tags = (Tag.ORD_STATUS, Tag.CUM_QTY, Tag.LEAVES_QTY, Tag.AVG_PX)
        assert tuple(message[tag] for tag in tags) == expected


def _report(
    kind: ReportKind, id_: str = "", quantity: int = 0, price: int = 0, executed: int = 0, refers_to: str = ""
) -> Report:
    return Report("fix", ID, kind, NOW, id_, quantity * UNIT, price * UNIT, executed * UNIT, refers_to)


def test_an_expire_date_lasts_until_midnight_in_new_york() -> None:
    order = VenueOrder(ID, KO.id, Side.BUY, UNIT, UNIT, TimeInForce.GTD, NOW)
    fields = [pair for pair in order_message(order, "KO", NOW).fields if pair[0] != Tag.EXPIRE_TIME]
    message = Message("D", (*fields, (int(Tag.EXPIRE_DATE), "20261127")))
    assert order_of(message, BY_SYMBOL).expires_at == datetime(2026, 11, 28, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (Tag.CL_ORD_ID, "order 1"),
        (Tag.CL_ORD_ID, ID.hex + ".1"),
        (Tag.CL_ORD_ID, str(ID)),
        (Tag.SYMBOL, "NOSUCH"),
        (Tag.SIDE, "5"),
        (Tag.ORDER_QTY, "many"),
        (Tag.ORDER_QTY, "1e3"),
        (Tag.ORD_TYPE, "3"),
        (Tag.TIME_IN_FORCE, "3"),
        (Tag.PRICE, None),
        (Tag.SIDE, None),
        (Tag.CL_ORD_ID, None),
    ],
)
def test_an_order_that_is_not_understood_names_the_field(tag: Tag, text: str | None) -> None:
    fields = dict(order_message(VenueOrder(ID, KO.id, Side.BUY, UNIT, UNIT), "KO", NOW).fields)
    del fields[int(tag)]
    if text is not None:
        fields[int(tag)] = text
    with pytest.raises(FieldError) as caught:
        order_of(Message("D", tuple(fields.items())), BY_SYMBOL)
    assert caught.value.tag == tag


@pytest.mark.parametrize("exec_type", ["A", "6", "E", "I", "3", "7"])
def test_what_is_only_pending_is_no_report(exec_type: str) -> None:
    assert execution_report(Message.of("8", {Tag.EXEC_TYPE: exec_type}), "fix") is None


def test_where_an_order_stands_names_the_last_request_accepted() -> None:
    found = standing(_status("0", "1.00"), _OURS, "fix")
    assert found is not None
    assert (found.kind, found.number, found.order_quantity) == (ReportKind.REPLACED, 3, UNIT)


@pytest.mark.parametrize("status", ["6", "E", "A", "9", "B"])
def test_a_request_that_is_pending_where_the_order_stands_is_not_accepted(status: str) -> None:
    """A venue names the request that it looks at, with the quantity from before it."""
    assert standing(_status(status, "4.00"), _OURS, "fix") is None


def test_where_another_order_stands_says_nothing_of_ours() -> None:
    assert standing(_status("4", "4.00"), VenueOrder(UUID(int=8), KO.id, Side.BUY, 4 * UNIT), "fix") is None


_OURS = VenueOrder(ID, KO.id, Side.BUY, 4 * UNIT)


def _status(status: str, quantity: str) -> Message:
    fields = {Tag.CL_ORD_ID: f"{ID.hex}.3", Tag.EXEC_TYPE: "I", Tag.ORD_STATUS: status, Tag.ORDER_QTY: quantity}
    return Message.of("8", fields | {Tag.CUM_QTY: "0.00", Tag.TRANSACT_TIME: "20261125-15:00:00"})


def test_a_venues_ninth_decimal_is_cut() -> None:
    assert units_of(Message.of("8", {Tag.LAST_QTY: "0.307692307"}), Tag.LAST_QTY) == 30_769_230
