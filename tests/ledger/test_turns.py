"""Whose turn it is: whatever waits, nobody starves, nobody overtakes its own kind, and no batch grows too large."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.kernel.errors import Overloaded, Refusal
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.commit import GroupCommit
from app.ledger.idempotency import idempotency_key
from app.ledger.turns import Turns, Waiting
from tests.world import running

Kind = Callable[[Batch, Sequence[Any]], Awaitable[list[Any]]]
_LIMIT = 10
_NOBODYS_ANSWER: asyncio.Future[Any] = None  # type: ignore[assignment]  # nothing is answered here


def kinds(count: int) -> list[Kind]:
    """Use cases that are told apart."""

    def one() -> Kind:
        async def answer(_: Batch, commands: Sequence[Any]) -> list[Any]:
            return list(commands)

        return answer

    return [one() for _ in range(count)]


def waiting(use_case: Kind, command: int, weight: int = 1) -> Waiting:
    """A command whose answer nobody waits for."""
    return Waiting(use_case, command, None, weight, _NOBODYS_ANSWER)


@settings(deadline=None, max_examples=200)
@given(
    arrivals=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from((1, 1, 1, 2, 5, 6, 9, 10, 11, 1_000))), max_size=25),
        min_size=1,
        max_size=12,
    )
)
def test_nobody_starves_and_nobody_overtakes_its_own_kind(arrivals: list[list[tuple[int, int]]]) -> None:
    turns, use_cases = Turns(1_000), kinds(6)
    sent: list[list[int]] = [[] for _ in use_cases]
    taken: list[list[int]] = [[] for _ in use_cases]
    waited = [0] * len(use_cases)
    number, round_ = 0, 0
    while round_ < len(arrivals) or turns:
        for kind, weight in arrivals[round_] if round_ < len(arrivals) else ():
            number += 1
            sent[kind].append(number)
            turns.add(waiting(use_cases[kind], number, weight))
        round_ += 1
        if not turns:
            continue
        batch = turns.take(_LIMIT)
        first, rest = batch[0].weight, sum(each.weight for each in batch[1:])
        assert rest <= max(_LIMIT - first, _LIMIT // 2)
        for each in batch:
            taken[list[Any](use_cases).index(each.use_case)].append(each.command)
        for kind, use_case in enumerate(use_cases):
            served = any(each.use_case is use_case for each in batch)
            waited[kind] = 0 if served or taken[kind] == sent[kind] else waited[kind] + 1
            assert waited[kind] < len(use_cases)
    assert taken == sent


def test_as_many_wait_as_may_and_not_one_more() -> None:
    turns, [use_case] = Turns(25), kinds(1)
    for number in range(25):
        turns.add(waiting(use_case, number))
    with pytest.raises(Overloaded):
        turns.add(waiting(use_case, 25))
    assert len(turns.take(_LIMIT)) == _LIMIT
    for number in range(_LIMIT):
        turns.add(waiting(use_case, number))
    with pytest.raises(Overloaded):
        turns.add(waiting(use_case, 25))
    assert len(turns.clear()) == 25
    assert not turns


@pytest.mark.asyncio
async def test_a_key_belongs_to_one_use_case_even_within_a_batch(database_url: str) -> None:
    async with running(database_url) as world:
        person = await world.investor(10)
        movement = CashMovement(person.book_id, UNIT, "test")
        id_ = new_id()
        answers = await asyncio.gather(
            world.commits.submit(deposit, movement, idempotency_key("ann", id_, "deposit", {})),
            world.commits.submit(withdraw, movement, idempotency_key("ann", id_, "withdraw", {})),
            return_exceptions=True,
        )
        assert [isinstance(each, Refusal) for each in answers] == [False, True]
        assert (await world.cash(person)).settled == 11 * UNIT


@pytest.mark.asyncio
async def test_a_command_that_fails_in_a_mixed_batch_fails_alone_and_order_is_kept(database_url: str) -> None:
    order: list[int] = []

    async def notes(batch: Batch, commands: Sequence[int]) -> list[UUID]:
        if any(number % 7 == 3 for number in commands):
            await batch.connection.execute("SELECT 1 / 0")
        order.extend(commands)
        return [UUID(int=number) for number in commands]

    random = Random(1)
    async with running(database_url) as world:
        person = await world.investor(100)
        work: list[Any] = []
        for number in range(40):
            work.append(world.commits.submit(notes, number, weight=random.choice((1, 50, 600, 5_000))))
            use_case = random.choice((deposit, withdraw))
            work.append(world.commits.submit(use_case, CashMovement(person.book_id, UNIT, "test")))
        tasks = [asyncio.ensure_future(each) for each in work]
        await asyncio.sleep(0)
        for task in random.sample(tasks, 10):
            task.cancel()  # whoever goes away takes nothing along
        await asyncio.gather(*tasks, return_exceptions=True)
        await world.commits.submit(notes, 100)
        assert order == [*(number for number in range(40) if number % 7 != 3), 100]
        moved = await world.pool.fetchval("SELECT count(*) FROM ledger.event WHERE type IN ('DEPOSIT', 'WITHDRAWAL')")
        assert moved == 1 + 40


@pytest.mark.asyncio
async def test_a_writer_that_is_stopped_finishes_its_batch_first(database_url: str) -> None:
    begun, may = asyncio.Event(), asyncio.Event()

    async def slow(_: Batch, commands: Sequence[int]) -> list[UUID]:
        begun.set()
        await may.wait()
        return [UUID(int=number) for number in commands]

    async with running(database_url) as world:
        clock = world.clock
        writer = GroupCommit(world.pool, world.commits.journal, clock=clock, market_clock=clock, ring=lambda *_: None)
        task = asyncio.create_task(writer.run())
        asked = [asyncio.create_task(writer.submit(slow, number)) for number in range(300)]
        await begun.wait()
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, may.set)
        await asyncio.wait([task])
        finished = may.is_set()
        may.set()
        assert [answer.int for answer in await asyncio.gather(*asked)] == list(range(300))
        assert finished


@pytest.mark.asyncio
@pytest.mark.parametrize("pause", [0, 0.002, 0.02])
async def test_a_writer_that_is_stopped_answers_everybody(database_url: str, pause: float) -> None:
    """Asked to stop again and again, too: what it has taken is finished, the rest is refused, and nobody waits on."""
    async with running(database_url) as world:
        person = await world.investor(0)
        clock = world.clock
        writer = GroupCommit(world.pool, world.commits.journal, clock=clock, market_clock=clock, ring=lambda *_: None)
        movement = CashMovement(person.book_id, UNIT, "test")
        asked = [asyncio.create_task(writer.submit(deposit, movement)) for _ in range(2_500)]
        task = asyncio.create_task(writer.run())
        await asyncio.sleep(pause)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await asyncio.wait([task])
            answers = await asyncio.gather(*asked, return_exceptions=True)
            with pytest.raises(Overloaded, match="stopped"):
                await writer.submit(deposit, movement)
        done = sum(isinstance(each, UUID) for each in answers)
        assert done == (await world.cash(person)).settled // UNIT
        assert sum(isinstance(each, Overloaded) for each in answers) == len(answers) - done


@pytest.mark.asyncio
async def test_memory_stays_bounded_while_producers_outrun_the_database(database_url: str) -> None:
    """What can't be queued is refused at once and leaves nothing behind; what is queued is done once there is time."""
    may = asyncio.Event()

    async def slow(_: Batch, commands: Sequence[bytes]) -> list[int]:
        await may.wait()
        return [len(each) for each in commands]

    async with running(database_url) as world:
        clock = world.clock
        writer = GroupCommit(
            world.pool, world.commits.journal, clock=clock, market_clock=clock, ring=lambda *_: None, queue_limit=500
        )
        task = asyncio.create_task(writer.run())

        async def produce(number: int) -> int:
            """Answers the size of what was taken, or 0 when it was refused."""
            try:
                return await writer.submit(slow, bytes(10_000 + number % 10))
            except Overloaded:
                return 0

        queued = [
            asyncio.create_task(produce(number)) for number in range(1_500)
        ]  # a batch under way, and a full queue
        await asyncio.sleep(0)
        tracemalloc.start()
        try:
            refused = [await produce(number) for number in range(5_000)]
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            may.set()
        done = [size for size in await asyncio.gather(*queued) if size]
        task.cancel()
        await asyncio.wait([task])
    assert refused == [0] * 5_000
    assert grown < 1_000_000, "50 MB were offered"
    assert len(done) >= 500
