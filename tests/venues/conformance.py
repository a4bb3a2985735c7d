"""What every venue must do, written against the port. A subclass in a test file names the venue.

Nothing here expects an instant answer: what must happen happens within a deadline.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side, TimeInForce
from app.venues.port import Change, ReportKind, VenueOrder
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, Counterparty, session_close, together


@pytest.mark.asyncio
class VenueSpec:
    """Needs a fixture ``us``: a ``Counterparty`` of the venue, in session, the price at $100."""

    #: Whether the venue still has its orders after we restart. If not, it is sent the open ones again.
    remembers = True
    #: Whether an order that was never sent is sent by who asks to change it. If not, that is refused.
    sends_before_changing = False

    @pytest.mark.parametrize("side", Side)
    async def test_an_order_is_acknowledged_and_filled(self, us: Counterparty, side: Side) -> None:
        tale = await us.send(side)
        await us.until(lambda: tale.executed == 100 * UNIT, "the order is filled")
        tale.check_in_order()
        assert tale.kinds == {ReportKind.NEW, ReportKind.EXECUTION}

    async def test_sending_an_order_twice_changes_nothing(self, us: Counterparty) -> None:
        tale = await us.send()
        await together(us.trial.venue.submit(tale.order), us.trial.venue.submit(tale.order))
        await us.until(lambda: tale.is_over, "the order is filled")
        await us.trial.venue.submit(tale.order)
        await us.a_while()
        tale.check_in_order()
        assert tale.executed == 100 * UNIT

    async def test_execution_ids_are_unique_among_orders(self, us: Counterparty) -> None:
        tales = [await us.send() for _ in range(5)]
        await us.until(lambda: all(tale.is_over for tale in tales), "all are filled")
        ids = [report.execution_id for tale in tales for report in tale.of(ReportKind.EXECUTION)]
        assert len(ids) == len(set(ids))

    @pytest.mark.parametrize(
        ("side", "limit", "there"), [(Side.BUY, "99.00", "98.99"), (Side.SELL, "101.00", "101.01")]
    )
    async def test_a_limit_order_waits_for_its_price(
        self, us: Counterparty, side: Side, limit: str, there: str
    ) -> None:
        tale = await us.send(side, limit=limit)
        await us.until(lambda: tale.kinds == {ReportKind.NEW}, "it is acknowledged")
        away = Decimal(there) + (Decimal("0.01") if side is Side.BUY else Decimal("-0.01"))
        us.trial.set_price(away)
        await us.a_while()
        assert tale.executed == 0, "one cent away is not there"
        us.trial.set_price(Decimal(there))
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        tale.check_in_order()

    @pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "100.05"), (Side.SELL, "99.95")])
    async def test_a_limit_that_is_met_already_is_dealt_at_once(self, us: Counterparty, side: Side, limit: str) -> None:
        tale = await us.send(side, limit=limit)
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        tale.check_in_order()

    async def test_a_day_order_ends_with_its_session(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00")
        close = session_close(us.trial.market_now())
        await us.trial.market_reaches(close - timedelta(minutes=1))
        await us.a_while()
        assert tale.kinds == {ReportKind.NEW}
        await us.trial.market_reaches(close)
        await us.until(lambda: tale.ending, "it expires")
        us.trial.set_price(Decimal(40))
        await us.a_while()
        tale.check_in_order()
        assert tale.kinds == {ReportKind.NEW, ReportKind.EXPIRED}

    async def test_a_day_order_of_the_night_ends_with_the_next_session(self, us: Counterparty) -> None:
        close = session_close(us.trial.market_now())
        await us.trial.market_reaches(close + timedelta(hours=1))
        tale = await us.send(limit="50.00")
        await us.a_while()
        assert tale.kinds == {ReportKind.NEW}
        await us.trial.market_reaches(session_close(us.trial.market_now()))
        await us.until(lambda: tale.ending, "it expires")
        assert tale.kinds == {ReportKind.NEW, ReportKind.EXPIRED}

    async def test_nothing_is_dealt_outside_sessions(self, us: Counterparty) -> None:
        close = session_close(us.trial.market_now())
        await us.trial.market_reaches(close + timedelta(hours=1))
        tale = await us.send(limit="101.00", time_in_force=TimeInForce.GTC)
        await us.a_while()
        assert tale.executed == 0
        await us.trial.market_reaches(session_close(us.trial.market_now()) - timedelta(hours=1))
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled in the session")

    async def test_a_gtd_order_ends_at_its_moment(self, us: Counterparty) -> None:
        at = session_close(us.trial.market_now()) + timedelta(days=2)
        tale = await us.send(limit="50.00", time_in_force=TimeInForce.GTD, expires_at=at)
        await us.trial.market_reaches(at - timedelta(minutes=1))
        await us.a_while()
        assert tale.kinds == {ReportKind.NEW}
        await us.trial.market_reaches(at)
        await us.until(lambda: tale.ending, "it expires")
        assert tale.kinds == {ReportKind.NEW, ReportKind.EXPIRED}

    async def test_a_gtc_order_stands_until_it_is_filled(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00", time_in_force=TimeInForce.GTC)
        await us.trial.market_reaches(session_close(us.trial.market_now()) + timedelta(days=1, hours=-1))
        await us.trial.market_reaches(session_close(us.trial.market_now()) - timedelta(hours=1))
        await us.a_while()
        assert tale.kinds == {ReportKind.NEW}
        us.trial.set_price(Decimal(49))
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        tale.check_in_order()

    async def test_a_cancel_in_time_ends_the_order(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        answer = await us.answer_to(tale, Change(tale.order, 1, 0, None))
        us.trial.set_price(Decimal(40))
        await us.a_while()
        tale.check_in_order()
        assert answer.kind is ReportKind.CANCELED
        assert tale.executed == 0

    async def test_lowering_in_time_leaves_less_to_be_dealt(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        for number, shares in enumerate((60, 40), 1):
            answer = await us.answer_to(tale, Change(tale.order, number, number - 1, shares * UNIT))
            assert (answer.kind, answer.order_quantity) == (ReportKind.REPLACED, shares * UNIT)
        us.trial.set_price(Decimal(49))
        await us.until(lambda: tale.executed == 40 * UNIT, "what is left is filled")
        await us.a_while()
        tale.check_in_order()
        assert tale.executed == 40 * UNIT

    async def test_raising_a_quantity_is_refused(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        await us.answer_to(tale, Change(tale.order, 1, 0, 101 * UNIT))
        assert tale.kinds == {ReportKind.NEW, ReportKind.CHANGE_REJECTED}

    @pytest.mark.parametrize("quantity", [None, 50 * UNIT], ids=["cancel", "lower"])
    async def test_a_change_that_comes_too_late_is_refused(self, us: Counterparty, quantity: int | None) -> None:
        tale = await us.send()
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        answer = await us.answer_to(tale, Change(tale.order, 1, 0, quantity))
        assert answer.kind is ReportKind.CHANGE_REJECTED
        tale.check_in_order()

    @pytest.mark.parametrize("quantity", [None, 30 * UNIT], ids=["cancel", "lower"])
    @pytest.mark.parametrize("waits", [0, 1, 2, 5])
    async def test_a_change_that_races_with_a_fill(self, us: Counterparty, quantity: int | None, waits: int) -> None:
        """Whoever wins, the tale is whole, and every share is accounted for."""
        tale = await us.send(limit="99.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        us.trial.set_price(Decimal(98))
        for _ in range(waits):
            await us.trial.wait()
            await us.listen()
        answer = await us.answer_to(tale, Change(tale.order, 1, 0, quantity))
        await us.until(lambda: tale.is_over, "it is filled or canceled")
        await us.a_while()
        tale.check_in_order()
        if answer.kind is ReportKind.CHANGE_REJECTED:
            assert tale.executed == 100 * UNIT
        elif answer.kind is ReportKind.REPLACED:
            assert tale.executed == answer.order_quantity >= 30 * UNIT
        else:
            assert tale.executed == answer.cumulative_quantity < 100 * UNIT

    async def test_the_same_request_again_gets_the_same_answer(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        lower = Change(tale.order, 1, 0, 60 * UNIT)
        await together(us.trial.venue.change(lower), us.trial.venue.change(lower))
        await us.until(lambda: tale.answer(1), "it is answered")
        us.heard.clear()
        await us.trial.venue.change(lower)
        await us.until(lambda: tale.answer(1) in us.heard, "it is answered again")
        await us.a_while()
        assert [report.kind for report in tale.reports] == [ReportKind.NEW, ReportKind.REPLACED]

    async def test_an_order_that_was_never_sent(self, us: Counterparty) -> None:
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, 50 * UNIT)
        assert await us.trial.venue.knows(order) is False
        tale = Tale(order)
        us.tales.append(tale)
        await us.trial.venue.change(Change(order, 1, 0, None))
        await us.until(lambda: tale.answer(1), "the change is answered")
        assert tale.kinds - {ReportKind.NEW} == {
            ReportKind.CANCELED if self.sends_before_changing else ReportKind.CHANGE_REJECTED
        }
        assert await us.trial.venue.knows(order) is self.sends_before_changing

    async def test_who_asks_for_an_order_is_told_all_of_it_again(self, us: Counterparty) -> None:
        tale = await us.send()
        await us.until(lambda: tale.is_over, "it is filled")
        us.heard.clear()
        assert await us.trial.venue.knows(tale.order) is True
        await us.until(lambda: set(us.heard) >= set(tale.reports), "all is told again")

    async def test_after_a_restart_the_order_is_known_if_the_venue_remembers(self, us: Counterparty) -> None:
        tale = await us.send(limit="50.00", time_in_force=TimeInForce.GTC)
        await us.until(lambda: tale.reports, "it is acknowledged")
        await us.trial.restart()
        assert await us.trial.venue.knows(tale.order) is self.remembers
        await us.recover()
        us.trial.set_price(Decimal(49))
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        await us.a_while()
        assert len({report.execution_id for report in tale.of(ReportKind.EXECUTION)}) == len(
            tale.of(ReportKind.EXECUTION)
        )

    @pytest.mark.parametrize("waits", [0, 1, 3, 6, 12])
    async def test_what_was_not_taken_is_told_again_after_a_restart(self, us: Counterparty, waits: int) -> None:
        """We fall over at any time between the order and its fill: nothing is lost, nothing is told differently."""
        tale = await us.send()
        for _ in range(waits):
            await us.trial.wait()
            await us.listen(take=False)
        untaken = list(tale.reports)
        await us.trial.restart()
        us.heard.clear()
        if not self.remembers:
            tale.reports.clear()
        await us.recover()
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        await us.a_while()
        if self.remembers:
            assert set(us.heard) >= set(untaken), "what was told is told again as it was"
        told_again = {report.execution_id for report in us.heard}
        assert told_again >= {report.execution_id for report in untaken}
        tale.check()
        assert tale.executed == 100 * UNIT
