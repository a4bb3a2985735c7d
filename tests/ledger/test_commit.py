"""Group commit: many commands in one transaction, each with its own answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.infra.database import engine_pool
from app.kernel.errors import OutcomeUnknown, Overloaded, Refusal
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.commit import GroupCommit
from app.ledger.idempotency import idempotency_key
from app.ledger.replay import replay
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def test_concurrent_commands_share_commits_and_keep_their_own_answers(database_url: str) -> None:
    async with running(database_url) as world:
        people = [await world.investor(10) for _ in range(5)]
        movements = [CashMovement(person.book_id, 7 * UNIT, "test") for person in people for _ in range(2)]
        before = await world.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM ledger.event")
        answers = await asyncio.gather(
            *(world.commits.submit(withdraw, movement) for movement in movements), return_exceptions=True
        )
        assert sum(isinstance(answer, UUID) for answer in answers) == 5
        assert sum(isinstance(answer, Refusal) for answer in answers) == 5
        after = await world.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM ledger.event")
        assert after - before < len(movements)
        for person in people:
            assert (await world.cash(person)).settled == 3 * UNIT


async def test_one_broken_command_does_not_take_its_neighbours_down(database_url: str) -> None:
    async def fragile(batch: Batch, commands: Sequence[int]) -> list[UUID]:
        if 13 in commands:
            await batch.connection.execute("SELECT 1 / 0")
        return [UUID(int=command) for command in commands]

    async with running(database_url) as world:
        answers = await asyncio.gather(
            *(world.commits.submit(fragile, number) for number in range(20)), return_exceptions=True
        )
        assert [isinstance(answer, Exception) for answer in answers] == [number == 13 for number in range(20)]


async def test_a_full_queue_refuses_and_nothing_is_lost(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(0)
        narrow = GroupCommit(
            world.pool,
            world.commits.journal,
            clock=world.clock,
            market_clock=world.clock,
            ring=lambda *_: None,
            queue_limit=3,
        )
        movement = CashMovement(person.book_id, UNIT, "test")
        waiting = [asyncio.ensure_future(narrow.submit(deposit, movement)) for _ in range(5)]
        await asyncio.sleep(0)
        writer = asyncio.ensure_future(narrow.run())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        writer.cancel()
        assert sum(isinstance(answer, Overloaded) for answer in answers) == 2
        assert (await world.cash(person)).settled == 3 * UNIT


async def test_a_key_is_answered_once_also_by_concurrent_requests(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(0)
        key = idempotency_key("someone", new_id(), "deposit", {"amount": 1})
        movement = CashMovement(person.book_id, UNIT, "test")
        answers = await asyncio.gather(*(world.commits.submit(deposit, movement, key) for _ in range(10)))
        assert len(set(answers)) == 1
        assert await world.commits.answered(key) == answers[0]
        other = idempotency_key("someone", key.key, "deposit", {"amount": 2})
        with pytest.raises(Refusal, match="used before"):
            await world.commits.submit(deposit, movement, other)
        assert (await world.cash(person)).settled == UNIT
        stranger = idempotency_key("someone else", key.key, "deposit", {"amount": 1})
        assert await world.commits.submit(deposit, movement, stranger) != answers[0]


async def test_a_refused_request_may_be_sent_again_with_its_key(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(0)
        key = idempotency_key("someone", new_id(), "withdraw", {})
        movement = CashMovement(person.book_id, UNIT, "test")
        before = await world.everything()
        with pytest.raises(Refusal):
            await world.commits.submit(withdraw, movement, key)
        assert await world.everything() == before
        await world.commits.submit(deposit, movement)
        await world.commits.submit(withdraw, movement, key)


@dataclass
class Runs:
    """Use cases that write nothing and note which commands came in each batch."""

    batches: list[list[object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._batch: Batch | None = None

    async def small(self, batch: Batch, commands: Sequence[object]) -> list[UUID]:
        return self._note(batch, commands)

    async def large(self, batch: Batch, commands: Sequence[object]) -> list[UUID]:
        return self._note(batch, commands)

    async def other(self, batch: Batch, commands: Sequence[object]) -> list[UUID]:
        return self._note(batch, commands)

    def _note(self, batch: Batch, commands: Sequence[object]) -> list[UUID]:
        if batch is not self._batch:
            self._batch = batch
            self.batches.append([])
        self.batches[-1] += commands
        return [new_id() for _ in commands]


@asynccontextmanager
async def narrow(world: World, limit: int) -> AsyncIterator[GroupCommit]:
    """A writer whose batches take ``limit`` at most; it starts when everything has been submitted."""
    writer = GroupCommit(
        world.pool,
        world.commits.journal,
        clock=world.clock,
        market_clock=world.clock,
        ring=lambda *_: None,
        batch_limit=limit,
    )
    yield writer
    running = asyncio.ensure_future(writer.run())
    waiting = [task for task in asyncio.all_tasks() if task.get_name() == "submitted"]
    await asyncio.gather(*waiting)
    running.cancel()


async def test_a_backlog_of_one_kind_holds_up_no_other(database_url: str) -> None:
    runs = Runs()
    async with running(database_url) as world, narrow(world, 4) as writer:
        for number in range(10):
            _submit(writer, runs.small, number)
        await asyncio.sleep(0)
        _submit(writer, runs.other, "other")
        await asyncio.sleep(0)
    assert "other" in runs.batches[0]
    assert [each for batch in runs.batches for each in batch if each != "other"] == list(range(10)), "in their order"
    assert max(map(len, runs.batches)) == 4


async def test_what_is_heavy_gets_its_turn_and_leaves_room_for_others(database_url: str) -> None:
    runs = Runs()
    async with running(database_url) as world, narrow(world, 4) as writer:
        for number in range(20):
            _submit(writer, runs.small, number)
        for number in range(2):
            _submit(writer, runs.large, f"large {number}", weight=100)
            _submit(writer, runs.other, f"other {number}", weight=100)
        await asyncio.sleep(0)
    heavy = [[each for each in batch if not isinstance(each, int)] for batch in runs.batches]
    assert heavy[:5] == [[], ["large 0"], ["other 0"], ["large 1"], ["other 1"]]
    light = [sum(isinstance(each, int) for each in batch) for batch in runs.batches]
    assert light[:6] == [4, 2, 2, 2, 2, 4]


async def test_a_full_queue_refuses_its_own_kind_only(database_url: str) -> None:
    runs = Runs()
    async with running(database_url) as world:
        writer = GroupCommit(
            world.pool,
            world.commits.journal,
            clock=world.clock,
            market_clock=world.clock,
            ring=lambda *_: None,
            queue_limit=2,
        )
        waiting = [asyncio.ensure_future(writer.submit(runs.small, number)) for number in range(3)]
        waiting.append(asyncio.ensure_future(writer.submit(runs.other, "other")))
        await asyncio.sleep(0)
        task = asyncio.ensure_future(writer.run())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        task.cancel()
        assert [isinstance(answer, Overloaded) for answer in answers] == [False, False, True, False]


async def test_a_key_runs_once_although_its_requests_are_batches_apart(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(0)
        key = idempotency_key("someone", new_id(), "deposit", {"amount": 1})
        movement = CashMovement(person.book_id, UNIT, "test")
        answers: list[asyncio.Task[UUID]] = []
        async with narrow(world, 2) as writer:
            answers += [_submit(writer, deposit, movement, key) for _ in range(5)]
            await asyncio.sleep(0)
        assert len({answer.result() for answer in answers}) == 1
        assert (await world.cash(person)).settled == UNIT


def _submit(writer: GroupCommit, *request: Any, weight: int = 1) -> asyncio.Task[Any]:
    return asyncio.create_task(writer.submit(*request, weight=weight), name="submitted")


async def test_replay_names_the_first_entry_that_disagrees(database_url: str) -> None:
    async with running(database_url) as world:
        person, other = await world.investor(10), await world.investor(20)
        journal = world.commits.journal.id
        async with world.pool.acquire() as connection:
            assert (await replay(connection, journal)).disagreement is None
            assert (await replay(connection, journal, person.book_id)).entries == 3
        await _tamper(database_url, person.book_id)
        async with world.pool.acquire() as connection:
            found = (await replay(connection, journal)).disagreement
            assert found is not None
            assert f"settled of book {person.book_id}" in found
            assert (await replay(connection, journal, person.book_id)).disagreement is not None
            assert (await replay(connection, journal, other.book_id)).disagreement is None


async def _tamper(url: str, book: int) -> None:

    superuser = await asyncpg.connect(url)
    await superuser.execute("UPDATE ledger.account SET balance = balance + 1 WHERE book_id = $1 AND kind = 3", book)
    await superuser.close()


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown("the connection broke"),
        ConnectionResetError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("a type could not be looked up"),
        asyncpg.LockNotAvailableError(),
        asyncpg.AdminShutdownError(),
        asyncpg.DiskFullError(),
        asyncpg.PostgresIOError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_when_the_database_is_lost_its_batch_is_lost_once(database_url: str, error: Exception) -> None:
    """Commands are not tried one by one then: all of them are told."""
    tried = 0

    async def loses(_: Batch, commands: Sequence[int]) -> list[int]:
        nonlocal tried
        tried += 1
        raise error

    async with running(database_url) as world:
        answers = await asyncio.gather(
            *(world.commits.submit(loses, number) for number in range(10)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [OutcomeUnknown] * 10
        assert len({id(answer) for answer in answers}) == 10, "each has its own"
        assert tried == 1


async def test_a_use_case_that_hides_a_failed_statement_is_not_said_to_be_committed(database_url: str) -> None:
    async def hides(batch: Batch, commands: Sequence[int]) -> list[UUID]:
        with contextlib.suppress(asyncpg.PostgresError):
            await batch.connection.execute("SELECT 1 / 0")
        return [UUID(int=command) for command in commands]

    async with running(database_url) as world:
        with pytest.raises(RuntimeError, match="not committed"):
            await world.commits.submit(hides, 1)
        await world.investor(10)


async def test_what_is_committed_is_not_done_again_when_the_bell_breaks(database_url: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the bell broke")

    async with running(database_url) as world:
        person = await world.investor(0)
        clock = world.clock
        writer = GroupCommit(world.pool, world.commits.journal, clock=clock, market_clock=clock, ring=broken)
        task = asyncio.create_task(writer.run())
        movement = CashMovement(person.book_id, UNIT, "test")
        answers = await asyncio.gather(*(writer.submit(deposit, movement) for _ in range(4)))
        task.cancel()
        assert len(set(answers)) == 4
        assert (await world.cash(person)).settled == 4 * UNIT


async def test_a_batch_that_is_cut_off_leaves_nothing_for_the_next_on_its_connection(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(0)
        movement = CashMovement(person.book_id, UNIT, "test")

        async def cut_off(batch: Batch, commands: Sequence[CashMovement]) -> list[UUID]:
            await deposit(batch, commands)
            raise asyncio.CancelledError

        pool = await engine_pool(database_url, 1)
        clock = world.clock
        writer = GroupCommit(pool, world.commits.journal, clock=clock, market_clock=clock, ring=lambda *_: None)
        task = asyncio.create_task(writer.run())
        with pytest.raises(OutcomeUnknown):
            await writer.submit(cut_off, movement)
        await asyncio.wait([task])
        with pytest.raises(Overloaded):
            await writer.submit(deposit, movement)
        assert await pool.fetchval("SELECT count(*) FROM ledger.event WHERE type = 'DEPOSIT'") == 0
        await pool.close()
