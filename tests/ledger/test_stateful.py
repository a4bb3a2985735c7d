"""The ledger against a plain Python model through anything that may be posted: holds, linked transfers, several ways
to pay, reversals, refusals among them, and both clocks; then what was at any moment, by either clock."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.database import api_engine, reading
from app.kernel.clock import ManualClock
from app.kernel.events import EventType, NewEvent
from app.kernel.paging import PageOf
from app.ledger.adding_up import SNAPSHOT_EVERY
from app.ledger.audit import prove
from app.ledger.chart import USD, Kind, address, book_of
from app.ledger.history import AsEffective, AsRecorded, cash_at, position_at, restated_since
from app.ledger.post import post
from app.ledger.replay import replay
from app.ledger.types import Entry, Leg, Posted
from tests.ledger.books import NOON, Books, books
from tests.ledger.model import LedgerModel

KINDS = (Kind.SETTLED, Kind.UNSETTLED, Kind.INSTANT, Kind.HELD, Kind.RECEIVABLE)


@dataclass
class Told:
    """What the model remembers of an event that was posted."""

    position: int
    book: int
    recorded_at: datetime
    effective_at: datetime
    moved: list[Leg]
    reversed: bool = False


@dataclass
class Play:
    """The journal, the model, and what was posted so far."""

    found: Books
    random: Random
    model: LedgerModel = field(default_factory=LedgerModel)
    log: list[Told] = field(default_factory=list)
    wall: datetime = NOON
    market: datetime = NOON

    def legs(self) -> list[Leg]:
        """Something that might be wanted: money in, a hold, a payment in several ways, or any linked transfers."""
        book = self.random.choice(self.found.customers)
        bank = address(self.found.journal.outside, USD, Kind.FBO)
        kinds = {kind: address(book, USD, kind) for kind in KINDS}
        amount = self.random.choice([0, 1, 7, self.random.randint(1, 50)])
        match self.random.randint(0, 5):
            case 0:
                return [Leg(bank, kinds[Kind.SETTLED], amount)]
            case 1:
                return [Leg(kinds[Kind.SETTLED], kinds[Kind.HELD], amount)]
            case 2:
                return [
                    Leg(kinds[Kind.SETTLED], kinds[Kind.HELD], amount, up_to=True),
                    Leg(kinds[Kind.UNSETTLED], kinds[Kind.HELD], 0, up_to=True),
                    Leg(kinds[Kind.INSTANT], kinds[Kind.HELD], 0),
                ]
            case 3:
                return [
                    Leg(kinds[Kind.HELD], bank, amount, up_to=True),
                    Leg(kinds[Kind.RECEIVABLE], bank, 0),
                ]
            case _:
                several = []
                for _ in range(self.random.randint(0, 4)):
                    debit, credit = self.random.sample(
                        [bank, *kinds.values(), address(self.other(book), USD, Kind.SETTLED)], 2
                    )
                    several.append(Leg(debit, credit, self.random.randint(0, 30), self.random.random() < 0.3))
                return several

    def other(self, book: int) -> int:
        return self.random.choice([each for each in self.found.customers if each != book])

    def reversal(self) -> list[Leg]:
        """An earlier transaction the other way; what is gone since is owed."""
        told = self.random.choice([each for each in self.log if not each.reversed])
        told.reversed = True
        legs = []
        for leg in reversed(told.moved):
            legs.append(Leg(leg.credit, leg.debit, leg.amount, up_to=True))
            owing = address(book_of(leg.credit), USD, Kind.RECEIVABLE)
            if book_of(leg.credit) in self.found.customers and owing not in (leg.debit, leg.credit):
                legs.append(Leg(owing, leg.debit, 0))
        return legs

    async def batch(self) -> None:
        """A batch of several entries, some of them of another time, and the same for the model."""
        self.wall += timedelta(milliseconds=self.random.choice([0, 1, 900, -5]))
        self.market += timedelta(seconds=self.random.choice([0, 1, 45, 4_000, -3]))
        entries = []
        for _ in range(self.random.randint(1, 6)):
            reversible = any(not each.reversed for each in self.log)
            legs = self.reversal() if reversible and self.random.random() < 0.15 else self.legs()
            late = timedelta(seconds=self.random.choice([0, 0, 0, 2, 59, 61, 5_000, 90_000]))
            book = self.random.choice(self.found.customers)
            entries.append(Entry(NewEvent(book, EventType.DEPOSIT, "test", self.market - late), legs))
        expected = [self.model.post(list(entry.legs)) for entry in entries]
        journal = self.found.journal.id
        verdicts = await post(self.found.connection, journal, self.wall, self.market, entries)
        assert [list(each.taken) if isinstance(each, Posted) else None for each in verdicts] == expected
        now = max([self.market, *(each.effective_at for each in self.log)])
        recorded = max([self.wall, *(each.recorded_at for each in self.log)])
        for entry, verdict in zip(entries, verdicts, strict=True):
            if isinstance(verdict, Posted):
                at = now if entry.event.effective_at == self.market else entry.event.effective_at
                moved = [
                    Leg(leg.debit, leg.credit, taken)
                    for leg, taken in zip(entry.legs, verdict.taken, strict=True)
                    if taken
                ]
                assert verdict.position == len(self.log) + 1
                self.log.append(Told(verdict.position, entry.event.book, recorded, at, moved))

    def settled(self, book: int, told: list[Told]) -> int:
        """What these events make of a book's settled dollars."""
        id_ = address(book, USD, Kind.SETTLED)
        moved = [leg for each in told for leg in each.moved]
        return sum(leg.amount for leg in moved if leg.credit == id_) - sum(
            leg.amount for leg in moved if leg.debit == id_
        )


async def look_back(play: Play, url: str) -> None:
    """Any moment, by either clock, with what was known at any time."""
    engine = api_engine(url, 1)
    journal = play.found.journal
    try:
        async with reading(engine, journal.tenant_id) as connection:
            for _ in range(12):
                book = play.random.choice(play.found.customers)
                position = play.random.randint(0, len(play.log))
                found = await cash_at(connection, journal.id, book, AsRecorded(position))
                assert found.settled == play.settled(book, play.log[:position])

                at = play.random.choice(play.log).recorded_at + timedelta(microseconds=play.random.choice([-1, 0, 1]))
                expected = bisect_right([each.recorded_at for each in play.log], at)
                assert await position_at(connection, journal.id, at) == expected

                at = play.random.choice(play.log).effective_at + timedelta(microseconds=play.random.choice([-1, 0, 1]))
                counted = [each for each in play.log[:position] if each.effective_at <= at]
                found = await cash_at(connection, journal.id, book, AsEffective(at, position))
                assert found.settled == play.settled(book, counted)

                since = [
                    each.position
                    for each in play.log
                    if each.position > position and each.book == book and each.effective_at <= at
                ]
                page: PageOf[int] = PageOf(play.random.randint(1, 100), backward=play.random.random() < 0.5)
                told = await restated_since(connection, journal.id, book, at, position, page)
                expected_page = since[-page.limit :] if page.backward else since[: page.limit]
                assert [each.position for each in told.items] == expected_page
                assert (told.has_previous if page.backward else told.has_next) is (len(since) > page.limit)
    finally:
        await engine.dispose()


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), partition_size=st.sampled_from([7, 30, 1_000]), batches=st.integers(1, 25))
def test_anything_posted_does_what_the_model_does_at_every_moment(
    database_url: str, seed: int, partition_size: int, batches: int
) -> None:
    async def check() -> None:
        async with books(database_url) as found:
            play = Play(found, Random(seed))
            await _partition(database_url, found, partition_size)
            for _ in range(batches):
                await play.batch()
            again = await replay(found.connection, found.journal.id)
            assert again.disagreement is None
            assert again.entries == sum(play.model.sequences.values())
            proven = await prove(found.connection, found.journal, ManualClock(NOON))
            assert (proven.position, proven.disagreement) == (len(play.log), None)
            if play.log:
                await look_back(play, database_url)

    asyncio.run(check())


async def _partition(url: str, found: Books, size: int) -> None:
    import asyncpg

    superuser = await asyncpg.connect(url)
    await superuser.execute("UPDATE ledger.journal SET partition_size = $2 WHERE id = $1", found.journal.id, size)
    await superuser.close()


def test_a_hot_account_has_a_snapshot_every_thousand_entries(database_url: str) -> None:
    async def check() -> None:
        async with books(database_url) as found:
            bank, settled = (
                address(found.journal.outside, USD, Kind.FBO),
                address(found.customers[0], USD, Kind.SETTLED),
            )
            await found.post(*([[Leg(bank, settled, 3)]] * (2 * SNAPSHOT_EVERY + 10)))
            await prove(found.connection, found.journal, ManualClock(NOON))
            rows = await found.connection.fetch(
                "SELECT sequence, position, (balance * 100000000)::bigint AS balance FROM ledger.snapshot"
                " WHERE account_id = $1 ORDER BY 1",
                settled,
            )
            assert [tuple(row) for row in rows] == [(1_000, 1_000, 3_000), (2_000, 2_000, 6_000)]
            far = await replay(found.connection, found.journal.id, found.customers[0], from_snapshots=True)
            near = await replay(found.connection, found.journal.id, found.customers[0])
            assert (far.entries, far.disagreement, near.entries) == (10, None, 2_010)

    asyncio.run(check())
