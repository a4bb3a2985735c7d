"""The FIX adapter and the shipped acceptor, on real sockets, when things go wrong between them."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.fix.errors import NotLoggedOn
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.types import Delivery, Direction, Place
from app.infra.database import EnginePool
from app.kernel.errors import OutcomeUnknown
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side
from app.venues.fix.desk import other_side
from app.venues.fix.orders import change_message, order_message
from app.venues.fix.reports import execution_report
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Change, Report, ReportKind, VenueOrder
from tests.venues.fix_trial import FixTrial, counterparty, fix_trial
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, Counterparty, session_close, together

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

IN_PARTS = PaperBehaviour(split=1.0, most_executions=4)


async def test_an_order_is_dealt_in_parts_and_its_average_adds_up(pool: EnginePool) -> None:
    async with fix_trial(pool, PaperBehaviour(seed=3, split=1.0, most_executions=4)) as trial:
        us = counterparty(trial)
        tale = await us.send()
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        tale.check_in_order()
        assert len(tale.of(ReportKind.EXECUTION)) > 1
        messages = await _told(trial, "8")
        last, executions = messages[-1], tale.of(ReportKind.EXECUTION)
        average = sum(each.quantity * each.price for each in executions) / (100 * UNIT * UNIT)
        assert abs(float(last[Tag.AVG_PX]) - average) < 1e-7
        assert (last[Tag.ORD_STATUS], last[Tag.LEAVES_QTY]) == ("2", "0.00")


async def test_nothing_is_sent_while_not_logged_on(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        await trial.close_theirs()
        await trial.disconnected()
        before = await _everything(pool)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT)
        with pytest.raises(NotLoggedOn, match="nothing was sent"):
            await trial.venue.submit(order)
        with pytest.raises(NotLoggedOn, match="nothing was sent"):
            await trial.venue.change(Change(order, 1, 0, None))
        assert await trial.venue.knows(order) is None
        assert await _everything(pool) == before


async def test_who_does_not_answer_is_not_said_to_know_nothing(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        trial.adapter._answer_within = timedelta(milliseconds=200)
        trial.wire.lose = lambda _: True
        assert await trial.venue.knows(VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT)) is None
        trial.wire.cut()


async def test_an_order_that_is_lost_on_its_way_arrives_after_the_next_logon(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        trial.wire.lose = lambda _: True
        tale = await us.send()
        await us.a_while(0.2)
        assert tale.reports == []
        await _drop(trial)
        assert await trial.venue.knows(tale.order) is True
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        tale.check_in_order()


async def test_an_order_sent_again_says_so_and_is_dealt_once(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        tale = await us.send()
        await _drop(trial)
        await trial.venue.submit(tale.order)
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        await trial.restart()
        await trial.venue.submit(tale.order)
        await us.a_while()
        sent = await _told(trial, "D", "HOUSE")
        assert [message.get(Tag.POSS_RESEND) for message in sent] == [None, "Y", "Y"]
        assert {message[Tag.CL_ORD_ID] for message in sent} == {tale.order.client_order_id.hex}
        assert await pool.fetchval("SELECT count(*) FROM paper.venue_order") == 1
        tale.check_in_order()
        statuses = [message for message in await _told(trial, "8") if message.has(Tag.EXEC_TYPE, "I")]
        assert statuses[-1][Tag.CUM_QTY] == "100.00"


async def test_a_second_order_under_the_same_name_is_refused_and_the_first_one_stands(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        tale = await us.send(limit="50.00")
        await us.until(lambda: tale.reports, "it is acknowledged")
        await trial.adapter.line.send(order_message(tale.order, INSTRUMENT.symbol, trial.market_now()))
        await us.a_while()
        refusal = (await _told(trial, "8"))[-1]
        assert (refusal[Tag.ORD_STATUS], refusal[Tag.ORD_REJ_REASON]) == ("8", "6")
        assert tale.kinds == {ReportKind.NEW}
        trial.set_price(Decimal(49))
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")


async def test_a_request_does_not_overtake_its_order(pool: EnginePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look into the journal before an order is sent is slow; the one before a request about it is not."""
    async with fix_trial(pool, IN_PARTS) as trial:
        us, journal = counterparty(trial), trial.adapter.line.journal
        quick = journal.about

        async def about(direction: Direction, name: str, types: Sequence[str], *place: Place) -> list[Delivery]:
            found = await quick(direction, name, types, *place)
            await asyncio.sleep(0.2 if MsgType.NEW_ORDER_SINGLE in types else 0)
            return found

        monkeypatch.setattr(journal, "about", about)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, 50 * UNIT)
        us.tales.append(tale := Tale(order))
        await together(trial.venue.submit(order), trial.venue.change(Change(order, 1, 0, None)))
        await us.until(lambda: tale.answer(1), "the change is answered")
        assert [report.kind for report in tale.reports] == [ReportKind.NEW, ReportKind.CANCELED]
        assert len(await _told(trial, "D", "HOUSE")) == 1


async def test_a_request_about_an_order_that_was_never_sent_sends_it_first(pool: EnginePool) -> None:
    """As an engine finds it that had noted the order as sent, and lost the session or its life before it was."""
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, 50 * UNIT)
        us.tales.append(tale := Tale(order))
        assert (await us.answer_to(tale, Change(order, 1, 0, None))).kind is ReportKind.CANCELED
        tale.check_in_order()


async def test_a_request_that_was_refused_stays_refused_when_it_comes_again(pool: EnginePool) -> None:
    """It came before its order, and once more after it: both sides must go on counting from the same request."""
    async with fix_trial(pool, IN_PARTS) as trial:
        us, at, symbol = counterparty(trial), trial.market_now(), INSTRUMENT.symbol
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, 2 * UNIT, 50 * UNIT)
        us.tales.append(tale := Tale(order))
        lower = Change(order, 1, 0, UNIT)
        await trial.adapter.line.send(
            change_message(lower, symbol, at),
            order_message(order, symbol, at),
            change_message(lower, symbol, at, again=True),
        )
        await us.a_while()
        assert [report.kind for report in tale.reports if report.number == 1] == [ReportKind.CHANGE_REJECTED]
        assert (await us.answer_to(tale, Change(order, 2, 0, None))).kind is ReportKind.CANCELED


async def test_an_order_that_the_venue_does_not_understand_is_rejected(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT)
        us.tales.append(tale := Tale(order))
        await trial.adapter.line.send(order_message(order, "NOSUCH", trial.market_now()))
        await us.until(lambda: tale.ending, "it is refused")
        assert [report.kind for report in tale.reports] == [ReportKind.REJECTED]
        assert "NOSUCH" in (tale.reports[0].reason or "")
        assert tale.reports[0].at <= trial.market_now()
        assert await trial.venue.knows(order) is False


async def test_a_message_that_the_session_rejects_is_a_rejection_of_the_order(pool: EnginePool) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT)
        us.tales.append(tale := Tale(order))
        message = order_message(order, INSTRUMENT.symbol, trial.market_now())
        await trial.adapter.line.send(Message("D", (*message.fields, (int(Tag.POSS_DUP_FLAG), "Y"))))
        await us.until(lambda: tale.ending, "it is refused")
        assert [report.kind for report in tale.reports] == [ReportKind.REJECTED]


async def test_what_was_refused_is_known_also_after_the_numbers_began_again(pool: EnginePool) -> None:
    """A refusal names a number of its own era: in the next one that is another message's, of another order."""
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        refused, next_one = (VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, UNIT, 50 * UNIT) for _ in range(2))
        us.tales += [tale := Tale(refused), Tale(next_one)]
        await trial.adapter.line.send(order_message(refused, "NOSUCH", trial.market_now()))
        await us.until(lambda: tale.ending, "it is refused", take=False)
        await trial.close_theirs()
        await trial.close_ours()
        await pool.execute("UPDATE fix.session SET era = era + 1, next_in = 1, next_out = 1")
        await trial.open_theirs()
        us.heard.clear()
        await trial.open_ours()
        await trial.connected()
        await trial.venue.submit(next_one)
        assert trial.adapter is not None
        await trial.adapter._tell_again(refused.client_order_id.hex)
        await us.a_while()
        rejected = [report.client_order_id for report in us.heard if report.kind is ReportKind.REJECTED]
        assert set(rejected) == {refused.client_order_id}


async def test_the_past_of_an_order_is_read_once_however_often_it_was_refused_something(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        tale = await us.send(limit="50.00")
        for number in range(1, 11):
            await us.answer_to(tale, Change(tale.order, number, 99, None))
        journal, looks = trial.adapter.line.journal, 0
        about = journal.about

        async def counted(*asked: Any) -> list[Delivery]:
            nonlocal looks
            looks += 1
            return await about(*asked)

        monkeypatch.setattr(journal, "about", counted)
        us.heard.clear()
        assert await trial.venue.knows(tale.order) is True
        assert looks <= 2
        await us.a_while()
        assert len([report for report in us.heard if report.kind is ReportKind.CHANGE_REJECTED]) == 10
        looks = 0
        await trial.venue.change(Change(tale.order, 7, 99, None))
        assert looks <= 4


async def test_busts_and_corrections_travel(pool: EnginePool) -> None:
    behaviour = PaperBehaviour(seed=5, split=1.0, bust=0.5, correct=0.5, aftermath_ms=(50, 200))
    async with fix_trial(pool, behaviour) as trial:
        us = counterparty(trial)
        tales = [await us.send() for _ in range(6)]
        await us.until(lambda: all(tale.of(ReportKind.EXECUTION) for tale in tales), "they are dealt")
        await us.a_while(3)
        for tale in tales:
            tale.check_in_order()
        kinds = set().union(*(tale.kinds for tale in tales))
        assert kinds >= {ReportKind.BUST, ReportKind.CORRECTION}


async def test_a_report_that_the_venue_kept_to_itself_comes_when_we_ask(pool: EnginePool) -> None:
    async with fix_trial(pool, PaperBehaviour(lose=1.0)) as trial:
        us = counterparty(trial)
        tale = await us.send()
        await us.a_while()
        assert tale.reports == []
        assert await trial.venue.knows(tale.order) is True
        await us.until(lambda: tale.executed == 100 * UNIT, "all is told")
        tale.check_in_order()


@pytest.mark.parametrize(("quantity", "kind"), [(UNIT, ReportKind.REPLACED), (None, ReportKind.CANCELED)])
async def test_what_was_never_heard_is_taken_from_the_answer_where_the_order_stands(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch, quantity: int | None, kind: ReportKind
) -> None:
    def all_but_these(message: Message, venue: str) -> Report | None:
        report = execution_report(message, venue)
        return None if report is not None and report.kind is kind else report

    monkeypatch.setattr("app.venues.fix.adapter.execution_report", all_but_these)
    async with fix_trial(pool, IN_PARTS) as trial:
        us = counterparty(trial)
        tale = await us.send(limit="50.00")
        assert await trial.venue.knows(tale.order) is True
        await trial.venue.change(Change(tale.order, 1, 0, quantity))
        await us.a_while()
        assert tale.kinds == {ReportKind.NEW}
        assert await trial.venue.knows(tale.order) is True
        await us.until(lambda: tale.answer(1), "it is told")
        assert tale.kinds == {ReportKind.NEW, kind}
        assert tale.in_force == (quantity or 100 * UNIT)


async def test_reports_said_twice_are_told_once(pool: EnginePool) -> None:
    async with fix_trial(pool, PaperBehaviour(split=1.0, duplicate=1.0, late_ms=(1, 50))) as trial:
        us = counterparty(trial)
        tale = await us.send()
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled")
        await us.a_while()
        ids = [message[Tag.EXEC_ID] for message in await _told(trial, "8")]
        assert len(ids) == len(set(ids))
        assert len(us.heard) == len(set(us.heard))


async def test_the_pointer_moves_over_what_is_taken_in_whatever_order(pool: EnginePool) -> None:
    async with fix_trial(pool, PaperBehaviour(split=1.0)) as trial:
        us = counterparty(trial)
        tale = await us.send()
        await us.until(lambda: tale.executed == 100 * UNIT, "it is filled", take=False)
        reports = [report for report in us.heard if report in tale.reports]
        assert len(reports) >= 3
        assert await _again(trial, us) == reports
        await trial.venue.taken(reports[1:])
        assert await _again(trial, us) == reports, "the first is not taken yet"
        await trial.venue.taken(reports)
        assert await _again(trial, us) == []


@pytest.mark.parametrize("seed", range(4))
async def test_connections_that_drop_and_sides_that_fall_over_change_nothing(pool: EnginePool, seed: int) -> None:
    """Orders, changes, busts and sessions that end, while the line and both sides break at random."""
    behaviour = PaperBehaviour(
        seed=seed, split=0.7, bust=0.1, correct=0.1, lose=0.1, duplicate=0.2, leave_rest=0.2, aftermath_ms=(50, 500)
    )
    chance = random.Random(seed)
    async with fix_trial(pool, behaviour) as trial:
        us = counterparty(trial)
        changes: list[Change] = []
        for turn in range(24):
            try:
                if chance.random() < 0.5:
                    await us.send(chance.choice(list(Side)), chance.randint(1, 300))
                else:
                    limit = chance.choice(["99.98", "100.00", "100.03", "101.00"])
                    await us.send(chance.choice(list(Side)), 100, limit=limit)
                if chance.random() < 0.5 and us.tales:
                    tale = chance.choice(us.tales)
                    if all(change.order != tale.order for change in changes):
                        change = Change(tale.order, 1, 0, chance.choice([None, UNIT]))
                        changes.append(change)
                        await trial.venue.change(change)
            except (NotLoggedOn, OutcomeUnknown):
                pass
            for _ in range(chance.randint(0, 5)):
                await trial.wait()
                await us.listen(take=chance.random() < 0.7)
            trial.set_price(Decimal(100) + Decimal(chance.randint(-4, 4)) / 100)
            match turn % 6:
                case 1:
                    trial.wire.lose = lambda _: chance.random() < 0.5
                case 2:
                    trial.wire.lose = lambda _: False
                    trial.wire.cut()
                case 3:
                    await trial.restart_venue()
                case 5:
                    await trial.restart()
        trial.wire.lose = lambda _: False
        await _drop(trial)
        for change in changes:
            await trial.venue.change(change)
        # What an engine does with orders that it has heard nothing of, or not the end. What the venue tells only to who
        # asks may be the last of it, and an order that arrives after the close lives until the next one.
        for _ in range(10):
            await us.a_while(2)
            await us.recover()
            if all(tale.is_over for tale in us.tales):
                break
            await trial.market_reaches(session_close(trial.market_now()))
        await us.a_while()
        assert all(tale.is_over for tale in us.tales)
        for tale in us.tales:
            tale.check()
        told: dict[str, Report] = {}
        for report in us.heard:
            if report.execution_id:
                assert told.setdefault(report.execution_id, report) == report, "one id, one story"
        await _same_as_the_venues_own_book(pool, us)


async def test_a_paper_venue_on_the_same_tables_keeps_its_own_orders(pool: EnginePool) -> None:
    """An in-process paper venue on the same tables: neither takes the other's orders for its own."""
    async with fix_trial(pool, IN_PARTS) as trial:
        beside = PaperVenue(pool, trial.market, clock=trial.clock, behaviour=IN_PARTS)
        order = VenueOrder(new_id(), INSTRUMENT.id, Side.BUY, 10 * UNIT)
        await beside.submit(order)
        us = counterparty(trial)
        tale = await us.send()
        await trial.restart_venue()
        await us.until(lambda: tale.executed == 100 * UNIT, "ours is filled")
        assert {report.client_order_id for report in us.heard} == {tale.order.client_order_id}
        heard = await beside.reports(trial.clock.now())
        assert tale.order.client_order_id not in {report.client_order_id for report in heard}


async def _same_as_the_venues_own_book(pool: EnginePool, us: Counterparty) -> None:
    rows = await pool.fetch(
        "SELECT client_order_id, (story ->> 'cumulative')::numeric AS executed FROM paper.venue_order"
    )
    booked = {other_side(row["client_order_id"]): row["executed"] for row in rows}
    assert {tale.order.client_order_id: tale.executed for tale in us.tales}.items() <= booked.items()


async def _again(trial: FixTrial, us: Counterparty) -> list[Report]:
    """What comes again, and is not taken, after our side has fallen over."""
    await trial.restart()
    us.heard.clear()
    for _ in range(20):
        await trial.wait()
        await us.listen(take=False)
    return list(us.heard)


async def _drop(trial: FixTrial) -> None:
    trial.wire.cut()
    trial.wire.lose = lambda _: False
    await trial.disconnected()
    await trial.connected()


async def _told(trial: FixTrial, type_: str, sender: str = "VENUE") -> list[Message]:
    """The messages of a type that one side has sent, from its journal."""
    journal = trial.desk.line.journal if sender == "VENUE" else trial.adapter.line.journal
    rows = await trial.pool.fetch(
        "SELECT m.era, m.sequence FROM fix.message m JOIN fix.session s ON s.id = m.session_id"
        " WHERE s.sender = $1 AND direction = 'OUT' AND type = $2 ORDER BY m.era, m.sequence",
        *(sender, type_),
    )
    found = [await journal.sent(Place(row["era"], row["sequence"])) for row in rows]
    return [message for message in found if message is not None]


async def _everything(pool: EnginePool) -> list[object]:
    return [
        *await pool.fetch("SELECT * FROM fix.message ORDER BY 1, 2, 3, 4"),
        *await pool.fetch("SELECT * FROM paper.venue_order"),
    ]
