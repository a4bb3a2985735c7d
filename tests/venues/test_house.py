"""What is the house's own as a venue: it deals whole, at the quote, and remembers nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.kernel.ids import new_id
from app.kernel.money import UNIT, to_units
from app.market.types import Side
from app.venues.house import REMEMBERED_FOR
from app.venues.port import Change, ReportKind, VenueOrder
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, Counterparty, InProcess, session_close

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "100.01"), (Side.SELL, "99.99")])
async def test_it_deals_at_once_and_whole_at_the_quote(house: Counterparty, side: Side, price: str) -> None:
    tale = await house.send(side)
    await house.listen()
    assert [report.kind for report in tale.reports] == [ReportKind.NEW, ReportKind.EXECUTION]
    execution = tale.reports[1]
    assert execution.execution_id == str(tale.order.client_order_id)
    assert (execution.quantity, execution.cumulative_quantity) == (100 * UNIT, 100 * UNIT)
    assert execution.price == to_units(Decimal(price))


async def test_a_limit_order_is_dealt_at_the_quote_not_at_its_limit(house: Counterparty) -> None:
    tale = await house.send(limit="99.00")
    house.trial.set_price(Decimal("97.50"))
    await house.listen()
    assert tale.reports[-1].price == to_units(Decimal("97.51"))


async def test_an_order_lowered_is_dealt_whole_at_the_lower_quantity(house: Counterparty) -> None:
    tale = await house.send(limit="99.00")
    await house.answer_to(tale, Change(tale.order, 1, 0, 60 * UNIT))
    house.trial.set_price(Decimal("97.50"))
    await house.listen()
    assert [report.quantity for report in tale.of(ReportKind.EXECUTION)] == [60 * UNIT]


async def test_a_change_after_the_close_is_too_late_although_nobody_looked(house: Counterparty) -> None:
    tale = await house.send(limit="50")
    await house.trial.market_reaches(session_close(house.trial.market_now()))
    answer = await house.answer_to(tale, Change(tale.order, 1, 0, None))
    assert answer.kind is ReportKind.CHANGE_REJECTED
    assert [report.kind for report in tale.reports[:2]] == [ReportKind.NEW, ReportKind.EXPIRED]


async def test_without_a_quote_it_waits(house: Counterparty) -> None:
    assert isinstance(house.trial, InProcess)
    del house.trial.quotes.prices[INSTRUMENT.id]
    tale = await house.send()
    await house.a_while()
    assert tale.kinds == {ReportKind.NEW}
    assert house.trial.venue.next_report_at() is not None
    house.trial.set_price(Decimal(100))
    await house.until(lambda: tale.executed == 100 * UNIT, "it is dealt")
    assert house.trial.venue.next_report_at() is None


@pytest.mark.parametrize(("instrument", "quantity"), [(INSTRUMENT.id, 0), (4_711, UNIT)])
async def test_an_order_that_makes_no_sense_is_rejected(house: Counterparty, instrument: int, quantity: int) -> None:
    tale = Tale(VenueOrder(new_id(), instrument, Side.BUY, quantity))
    house.tales.append(tale)
    await house.trial.venue.submit(tale.order)
    await house.listen()
    assert tale.kinds == {ReportKind.REJECTED}
    assert tale.reports[0].reason


async def test_what_is_dealt_again_after_a_restart_is_the_same_execution(house: Counterparty) -> None:
    tale = await house.send()
    await house.listen(take=False)
    await house.trial.restart()
    assert await house.trial.venue.knows(tale.order) is False
    await house.trial.venue.submit(tale.order)
    house.heard.clear()
    await house.listen()
    assert [report.execution_id for report in house.heard] == ["", str(tale.order.client_order_id)]


async def test_it_forgets_what_has_been_over_for_long(house: Counterparty) -> None:
    assert isinstance(house.trial, InProcess)
    over = await house.send()
    waiting = await house.send(limit="50")
    await house.listen()
    house.trial.clock.advance(REMEMBERED_FOR - timedelta(seconds=1))
    await house.listen()
    assert await house.trial.venue.knows(over.order) is True
    house.trial.clock.advance(timedelta(seconds=1))
    await house.listen()
    assert await house.trial.venue.knows(over.order) is False
    assert await house.trial.venue.knows(waiting.order) is True


async def test_it_rings_for_every_answer(house: Counterparty) -> None:
    rings = list[int]()
    house.trial.venue.listen(lambda: rings.append(1))
    tale = await house.send(limit="50")
    assert len(rings) == 1
    await house.trial.venue.change(Change(tale.order, 1, 0, None))
    assert len(rings) == 2
