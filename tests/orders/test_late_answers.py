"""A venue that changes an order after it has said that it would not, or that refuses each change: nobody is stuck."""

from uuid import UUID

import pytest

from app.kernel.money import UNIT
from app.market.types import Side
from app.orders.cancel import CancelOrder, cancel
from app.orders.leave import Asked, LetGo, ask_to_let_go
from app.orders.types import OrderStatus
from app.orders.unclear import REFUSED_OFTEN
from app.venues.port import Change, Report, ReportKind
from tests.orders.test_busts import SILENT, all_is_accounted_for, market_order_of, says
from tests.world import World, running

pytestmark = pytest.mark.asyncio

COUNT_ENDED = "SELECT status FROM market_order WHERE ended_at IS NOT NULL"


async def two_buyers(world: World) -> tuple[UUID, UUID, UUID]:
    """Ann and Bob want two shares each; answers their orders, and the market order that the venue has of them."""
    people = [await world.investor(1_000) for _ in range(2)]
    ann, bob = [await world.place(each, Side.BUY, "KO", quantity="2", limit="101") for each in people]
    await world.pass_time(100)
    return ann, bob, await market_order_of(world, ann)


async def asks_to_leave(world: World, order: UUID, made: UUID) -> Asked:
    """The cancel, and what the venue is asked for it."""
    await world.commits.submit(cancel, CancelOrder(order, "test"))
    asked = await world.commits.submit(ask_to_let_go, LetGo(made, whole_shares=True))
    assert asked is not None
    return asked


async def answers(world: World, made: UUID, kind: ReportKind, number: int, quantity: int = 0) -> None:
    at = world.clock.now()
    await world.told(Report("paper", made, kind, at, number=number, order_quantity=quantity * UNIT))


async def refused_and_lowered(world: World) -> tuple[UUID, UUID, UUID]:
    """The venue says no to Ann, and then lowers the order to two shares all the same."""
    ann, bob, made = await two_buyers(world)
    asked = await asks_to_leave(world, ann, made)
    assert (asked.number, asked.replaces, asked.quantity) == (1, 0, 2 * UNIT)
    await answers(world, made, ReportKind.CHANGE_REJECTED, 1)
    assert (await world.order(ann)).status is OrderStatus.NEW
    await answers(world, made, ReportKind.REPLACED, 1, 2)
    return ann, bob, made


async def test_the_next_request_replaces_the_one_that_was_accepted_after_all(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann, bob, made = await refused_and_lowered(world)
        await asks_to_leave(world, ann, made)
        asked = await asks_to_leave(world, bob, made)
        assert asked.replaces == 1


async def test_who_asks_to_leave_again_is_let_go_at_once(database_url: str) -> None:
    """The venue deals two shares less already: it is asked for nothing, and Bob has what he wants."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await refused_and_lowered(world)
        asked = await asks_to_leave(world, ann, made)
        assert asked.without_asking is ReportKind.REPLACED
        await world.pass_time(1_100)
        assert (await world.order(ann)).status is OrderStatus.CANCELED
        await says(world, made, ReportKind.EXECUTION, "one", 2, 100)
        assert (await world.order(bob)).status is OrderStatus.FILLED
        assert await world.pool.fetchval(COUNT_ENDED) == "FILLED"
        await all_is_accounted_for(world)


async def test_what_the_venue_has_cut_off_is_not_waited_for(database_url: str) -> None:
    """It deals two of four shares and no more: they are shared out, and both orders end."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await refused_and_lowered(world)
        await says(world, made, ReportKind.EXECUTION, "one", 2, 100)
        for id_ in (ann, bob):
            order = await world.order(id_)
            assert (order.status, order.filled_quantity) == (OrderStatus.CANCELED, UNIT)
            assert order.reason is not None
            assert "lowered" in order.reason
        assert await world.pool.fetchval(COUNT_ENDED) == "CANCELED"
        await all_is_accounted_for(world)


async def test_an_answer_that_comes_while_the_next_is_awaited_counts(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann, _, made = await two_buyers(world)
        await asks_to_leave(world, ann, made)
        await answers(world, made, ReportKind.CHANGE_REJECTED, 1)
        assert (await asks_to_leave(world, ann, made)).replaces == 0
        await answers(world, made, ReportKind.REPLACED, 1, 2)
        assert (await world.order(ann)).status is OrderStatus.PENDING_CANCEL, "the second request is not answered yet"
        await answers(world, made, ReportKind.CHANGE_REJECTED, 2)
        asked = await asks_to_leave(world, ann, made)
        assert (asked.replaces, asked.without_asking) == (1, ReportKind.REPLACED)


async def test_an_old_answer_that_is_told_again_changes_nothing(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        await asks_to_leave(world, ann, made)
        await answers(world, made, ReportKind.REPLACED, 1, 2)
        asked = await asks_to_leave(world, bob, made)
        assert (asked.number, asked.replaces, asked.quantity) == (2, 1, None)
        before = await world.everything()
        await answers(world, made, ReportKind.REPLACED, 1, 2)
        await answers(world, made, ReportKind.REPLACED, 7, 1)
        assert [row for row in await world.everything() if row not in before] == []
        await answers(world, made, ReportKind.CANCELED, 2)
        assert await world.pool.fetchval(COUNT_ENDED) == "CANCELED"


async def test_a_request_about_an_order_that_is_not_sent_yet_waits_for_who_sends_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was noted as sent by a leader that died over it; who wants it canceled meanwhile does not lead."""
    async with running(database_url, SILENT) as world:
        ann = await world.investor(1_000)
        with monkeypatch.context() as patch:
            patch.setattr(world.venue, "submit", died)
            order = await world.place(ann, Side.BUY, "KO", quantity="2", limit="101")
            with pytest.raises(ExceptionGroup):
                await world.pass_time(100)
        made = await market_order_of(world, order)
        await world.commits.submit(cancel, CancelOrder(order, "test"))
        dealing, leads = world.engine._dealing, world.engine._dealing.leads
        dealing.leads = {}
        await dealing.let_go(made, world.commits.journal.id, world.instrument("KO").id)
        assert await world.venue.reports(world.clock.now()) == []
        dealing.leads = leads
        await world.pass_time(7_000, 500)
        assert (await world.order(order)).status is OrderStatus.CANCELED
        refused = "SELECT count(*) FROM ledger.event WHERE type = 'ORDER_CANCEL_REJECTED'"
        assert await world.pool.fetchval(refused) == 0


async def died(_: object) -> None:
    raise OSError


async def test_a_venue_that_refuses_each_request_becomes_a_case(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann, _, made = await two_buyers(world)
        summaries: list[str] = []
        for number in range(1, 2 * REFUSED_OFTEN):
            assert (await asks_to_leave(world, ann, made)).number == number
            await answers(world, made, ReportKind.CHANGE_REJECTED, number)
            summaries = [row["summary"] for row in await world.pool.fetch("SELECT summary FROM ops_case")]
            assert len(summaries) == (number >= REFUSED_OFTEN)
        assert f"{REFUSED_OFTEN} requests" in summaries[0]


async def test_a_venue_that_goes_on_refusing_is_asked_less_often(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order whose time is over asks again by itself; but who wants out now does not wait for that."""
    async with running(database_url, SILENT) as world:
        ann, bob, made = await two_buyers(world)
        asked: list[int] = []

        async def refuse(change: Change) -> None:
            asked.append(change.number)
            kind, now = ReportKind.CHANGE_REJECTED, world.clock.now()
            world.venue._arrive(now, Report("paper", made, kind, now, number=change.number))

        monkeypatch.setattr(world.venue, "change", refuse)
        await world.commits.submit(cancel, CancelOrder(ann, "engine", "its time is over", OrderStatus.EXPIRED))
        await world.pass_time(200_000, 500)
        assert REFUSED_OFTEN < len(asked) < 3 * REFUSED_OFTEN
        before = len(asked)
        await world.cancel(bob)
        await world.pass_time(500)
        assert len(asked) == before + 1
