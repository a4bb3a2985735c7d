"""Connections on real sockets and a real journal: what is sent arrives once and in order, whatever breaks."""

import asyncio
from datetime import timedelta

import pytest

from app.fix.acceptor import Acceptor
from app.fix.codec import Framer, decode, encode
from app.fix.connection import wake_or
from app.fix.errors import NotLoggedOn, SessionHeld
from app.fix.journal import LEASE
from app.fix.line import Line
from app.fix.message import Message
from app.fix.tags import MsgType, Tag
from app.fix.types import Role, SessionConfig, SessionId
from app.infra.database import engine_pool
from app.kernel.clock import ManualClock
from app.kernel.errors import OutcomeUnknown
from tests.fix.lines import PATIENCE, Both, Inbox, calling, config, running
from tests.fix.pairs import NOW, news

pytestmark = pytest.mark.asyncio


async def test_messages_arrive_in_order_on_both_ways(database_url: str) -> None:
    async with running(database_url) as both:
        await asyncio.gather(
            both.initiator.send(*(news(f"{number}") for number in range(50))),
            both.acceptor.send(*(news(f"{number}") for number in range(50))),
        )
        expected = [f"{number}" for number in range(50)]
        assert await both.sent_to.until(50) == expected
        assert await both.sent_back.until(50) == expected
        rows = await both.pool.fetch("SELECT next_in, next_out, era FROM fix.session")
        assert {tuple(row) for row in rows} == {(52, 52, 0)}


async def test_what_is_sent_at_once_costs_one_write(database_url: str) -> None:
    async with running(database_url) as both:
        await asyncio.gather(*(both.initiator.send(news(f"{number}")) for number in range(30)))
        await both.sent_to.until(30)
        writes = "SELECT count(DISTINCT xmin::text::bigint) FROM fix.message WHERE application AND direction = $1"
        assert await both.pool.fetchval(writes, "OUT") == 1
        assert await both.pool.fetchval(writes, "IN") <= 2


async def test_what_was_sent_into_a_broken_connection_arrives_after_it(database_url: str) -> None:
    async with running(database_url) as both:
        both.wire.lose = lambda _: True
        await both.initiator.send(news("lost"))
        both.wire.cut()
        await both.disconnected()
        both.wire.lose = lambda _: False
        await both.connected()
        await both.initiator.send(news("next"))
        assert await both.sent_to.until(2) == ["lost", "next"]


async def test_connections_that_break_again_and_again_lose_and_double_nothing(database_url: str) -> None:
    async with running(database_url) as both:
        sent = []
        for round_ in range(8):
            await both.connected()
            pieces = 0

            def lose(_: bytes, round_: int = round_) -> bool:
                nonlocal pieces
                pieces += 1
                return pieces % (round_ + 2) == 0

            both.wire.lose = lose
            for number in range(10):
                try:
                    await both.initiator.send(news(f"{round_} {number}"))
                    sent.append(f"{round_} {number}")
                except NotLoggedOn:
                    break
            both.wire.cut()
            await both.disconnected()
        both.wire.lose = lambda _: False
        await both.connected()
        assert len(sent) > 8
        assert await both.sent_to.until(len(sent)) == sent


async def test_a_garbled_piece_is_asked_for_again(database_url: str) -> None:
    async with running(database_url) as both:
        lost: list[bytes] = []
        both.wire.lose = lambda data: not lost and not lost.append(data)  # type: ignore[func-returns-value]
        await both.initiator.send(news("one"))
        async with asyncio.timeout(PATIENCE):
            while not lost:
                await asyncio.sleep(0.01)
        await both.initiator.send(news("two"))
        assert await both.sent_to.until(2) == ["one", "two"]
        assert both.wire.calls == 1


async def test_nothing_can_be_sent_while_not_logged_on(database_url: str) -> None:
    async with running(database_url) as both:
        both.wire.cut()
        await both.disconnected()
        before = await both.pool.fetch("SELECT * FROM fix.message ORDER BY 1, 2, 3, 4")
        with pytest.raises(NotLoggedOn):
            await both.initiator.send(news("x"))
        assert await both.pool.fetch("SELECT * FROM fix.message ORDER BY 1, 2, 3, 4") == before


async def test_what_was_not_taken_comes_again_after_a_restart(database_url: str) -> None:
    async with running(database_url) as both:
        await both.acceptor.send(*(news(f"{number}") for number in range(4)))
        await both.sent_back.until(4)
        await both.initiator.taken(both.sent_back.places[1])
        await both.initiator.taken(both.sent_back.places[0])  # late, and so without effect
        await both.initiator.close()
        again = Inbox()
        restarted = Line(both.pool, config(Role.INITIATOR), both.clock, again.receive)
        both.clock.advance(LEASE)
        await restarted.open()
        assert again.texts == ["2", "3"]
        await restarted.taken(again.places[-1])
        once_more = Inbox()
        both.clock.advance(LEASE)
        await Line(both.pool, config(Role.INITIATOR), both.clock, once_more.receive).open()
        assert once_more.texts == []


async def test_a_receiver_that_stumbles_gets_the_message_again(database_url: str) -> None:
    async with running(database_url) as both:
        both.sent_to.fail = True
        await both.initiator.send(news("hot"))
        await both.disconnected()
        assert both.sent_to.texts == []
        both.sent_to.fail = False
        await both.connected()
        assert await both.sent_to.until(1) == ["hot"]
        await both.initiator.send(news("next"))
        assert await both.sent_to.until(2) == ["hot", "next"]


async def test_an_owner_that_was_replaced_can_change_nothing(database_url: str) -> None:
    async with running(database_url) as both:
        # Another process opens the session behind the owner's back, as one would that believed it dead
        await Line(both.pool, config(Role.INITIATOR), both.clock, Inbox().receive).open(replace=True)
        rows = await both.pool.fetch("SELECT * FROM fix.message WHERE session_id = 1 ORDER BY 2, 3, 4")
        with pytest.raises((NotLoggedOn, OutcomeUnknown)):
            await both.initiator.send(news("from the grave"))
        await both.disconnected()
        left = await both.pool.fetch("SELECT * FROM fix.message WHERE raw LIKE '%from the grave%'::bytea")
        assert left == []
        assert rows


async def test_a_second_process_waits_until_the_first_is_gone(database_url: str) -> None:
    async with running(database_url) as both:
        second = Line(both.pool, config(Role.INITIATOR), both.clock, Inbox().receive)
        with pytest.raises(SessionHeld, match="HOUSE->VENUE"):
            await second.open()
        both.clock.advance(LEASE - timedelta(seconds=1))
        await asyncio.sleep(0.3)  # real: the owner looks at the clock ten times a second
        both.clock.advance(timedelta(seconds=2))
        with pytest.raises(SessionHeld):
            await second.open()
        await both.initiator.send(news("still here"))


async def test_a_newer_call_replaces_the_older_connection(database_url: str) -> None:
    async with running(database_url) as both:
        first = both.wire.calls
        stream = await asyncio.open_connection("127.0.0.1", both.wire.target)
        logon = Message.of("A", {Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30})
        stream[1].write(encode(logon, sender="HOUSE", target="VENUE", sequence=2, sending_time=both.clock.now()))
        async with asyncio.timeout(PATIENCE):
            (answer,) = Framer().feed(await stream[0].read(1 << 16))
        assert decode(answer).type == MsgType.LOGON
        stream[1].close()
        await both.disconnected()
        await both.connected()
        assert both.wire.calls > first


@pytest.mark.parametrize("steps", range(4))
async def test_who_is_woken_and_cancelled_at_once_ends(steps: int) -> None:
    wake = asyncio.Event()

    async def work() -> None:
        while True:
            await wake_or(wake, 1)
            wake.clear()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    wake.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    assert done == {task}


async def test_text_that_no_database_takes_spoils_nothing(database_url: str) -> None:
    async with running(database_url) as both:
        stream = await asyncio.open_connection("127.0.0.1", both.wire.target)
        logon = Message.of("A", {Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30})
        poison = Message("B", ((int(Tag.CL_ORD_ID), "a\0b"), (int(Tag.TEXT), "a\0b")))
        for sequence, message in enumerate((logon, poison, news("next")), 2):
            at = both.clock.now()
            stream[1].write(encode(message, sender="HOUSE", target="VENUE", sequence=sequence, sending_time=at))
        assert await both.sent_to.until(2) == ["a\\x00b", "next"]
        stream[1].close()


@pytest.mark.parametrize(
    "first",
    [
        encode(Message.of("A", {Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30}), sender="STRANGER", target="VENUE",
               sequence=1, sending_time=NOW),
        encode(Message.of("A", {Tag.ENCRYPT_METHOD: 0, Tag.HEART_BT_INT: 30}), sender="HOUSE", target="ELSEWHERE",
               sequence=1, sending_time=NOW),
        encode(news("no logon"), sender="HOUSE", target="VENUE", sequence=3, sending_time=NOW),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
async def test_a_stranger_is_hung_up_on_without_a_word(database_url: str, first: bytes) -> None:
    async with running(database_url) as both:
        before = await both.pool.fetch("SELECT * FROM fix.session ORDER BY id")
        reader, writer = await asyncio.open_connection("127.0.0.1", both.wire.target)
        writer.write(first)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()
        assert both.acceptor.logged_on.is_set()
        after = await both.pool.fetch("SELECT * FROM fix.session ORDER BY id")
        assert [row["epoch"] for row in after] == [row["epoch"] for row in before]
        await _still_talking(both)


async def test_an_acceptor_serves_many_sessions(database_url: str) -> None:
    async with running(database_url) as both:
        inboxes = [Inbox() for _ in range(3)]
        lines = [
            Line(both.pool, SessionConfig(SessionId("VENUE", f"C{n}"), Role.ACCEPTOR), both.clock, inboxes[n].receive)
            for n in range(3)
        ]
        async with Acceptor(lines).listening("127.0.0.1", 0) as port:
            for n in range(3):
                mine = SessionConfig(SessionId(f"C{n}", "VENUE"), Role.INITIATOR)
                line = Line(both.pool, mine, both.clock, Inbox().receive)
                async with calling(line, port, both.clock):
                    async with asyncio.timeout(PATIENCE):
                        await line.logged_on.wait()
                    await line.send(news(f"from {n}"))
                    await inboxes[n].until(1)
        assert [inbox.texts for inbox in inboxes] == [["from 0"], ["from 1"], ["from 2"]]


async def test_an_initiator_calls_again_after_longer_and_longer_pauses(database_url: str) -> None:
    clock, pool = ManualClock(NOW), await engine_pool(database_url, 2)
    called = asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    line = Line(pool, config(Role.INITIATOR), clock, Inbox().receive)
    async with calling(line, server.sockets[0].getsockname()[1], clock):
        # A pause is drawn between half of its length and the whole
        for longest in (0.25, 0.5, 1, 2, 4, 8, 16, 30, 30):
            async with asyncio.timeout(PATIENCE):
                await called.wait()
            called.clear()
            began = clock.now()
            async with asyncio.timeout(PATIENCE):
                while not called.is_set():
                    clock.advance(timedelta(milliseconds=20 * longest))
                    await asyncio.sleep(0.002)
            assert clock.now() - began >= timedelta(seconds=longest / 2)
    server.close()
    await server.wait_closed()
    await pool.close()


async def _still_talking(both: Both) -> None:
    await both.initiator.send(news("still there?"))
    assert (await both.sent_to.until(1))[-1] == "still there?"
