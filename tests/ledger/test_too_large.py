"""Figures that are larger than an answer of the ledger can say."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.kernel.events import EventType, NewEvent
from app.kernel.money import MAX_UNITS, UNIT
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind, address
from app.ledger.types import Entry, Leg
from tests.world import running

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("last", [Kind.INSTANT, Kind.RECEIVABLE])
async def test_what_is_more_than_an_answer_can_say_fails_alone_and_leaves_nothing(
    database_url: str, last: Kind
) -> None:
    """What legs hand on may add up to more than 64 bits: needed of who has not so much, or taken of who may owe it."""

    async def greedy(batch: Batch, commands: Sequence[int]) -> list[UUID]:
        for book in commands:
            held = address(book, USD, Kind.HELD)
            legs = [
                Leg(address(book, USD, Kind.SETTLED), held, MAX_UNITS, up_to=True),
                Leg(address(book, USD, last), held, MAX_UNITS),
            ]
            await batch.post([Entry(NewEvent(book, EventType.ORDER_ACCEPTED, "test", batch.effective_at), legs)])
        return [UUID(int=book) for book in commands]

    async with running(database_url) as world:
        ann, bob = await world.investor(10), await world.investor(10)
        before = await world.everything()
        with pytest.raises(asyncpg.NumericValueOutOfRangeError, match="bigint out of range"):
            await world.commits.submit(greedy, ann.book_id)
        assert await world.everything() == before
        movement = CashMovement(bob.book_id, UNIT, "test")
        answers = await asyncio.gather(
            world.commits.submit(greedy, ann.book_id), world.commits.submit(deposit, movement), return_exceptions=True
        )
        assert isinstance(answers[0], asyncpg.NumericValueOutOfRangeError)
        assert isinstance(answers[1], UUID)
        assert [(await world.cash(each)).settled for each in (ann, bob)] == [10 * UNIT, 11 * UNIT]
