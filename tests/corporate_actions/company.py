"""A company's shares in a back office: who has how many, and what an action makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.clients.types import Account
from app.corporate_actions.announce import announce
from app.corporate_actions.check import Announce
from app.corporate_actions.reads import actions_by_id
from app.corporate_actions.types import ActionKind, CorporateAction, Fractions, Terms
from app.kernel.events import Event, EventType, NewEvent
from app.kernel.money import parse, to_units
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind, address
from app.ledger.reads import custody_proof, streams_after
from app.ledger.types import Entry, Leg
from app.market.calendar import calendar_of
from app.market.types import Side
from tests.orders.checks import faults_in_the_books
from tests.world import World

#: The world's clock starts on Wednesday 2026-11-25; Thanksgiving follows.
FRIDAY, MONDAY, TUESDAY = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)


def units(text: str) -> int:
    return to_units(parse(text))


def terms(
    new: str = "0", old: str = "0", *, cash: str = "0", price: str = "0", fractions: Fractions = Fractions.KEPT
) -> Terms:
    return Terms(units(new), units(old), units(cash), fractions, units(price))


@dataclass(frozen=True)
class Company:
    """A company in a world."""

    world: World
    symbol: str = "KO"

    def command(self, kind: ActionKind, given: Terms, ex_date: date = MONDAY, **more: Any) -> Announce:
        instrument = self.world.instrument(self.symbol)
        return Announce(kind, instrument, given, ex_date, "A test", "operator:1", **more)

    async def announce(self, kind: ActionKind, given: Terms, ex_date: date = MONDAY, **more: Any) -> UUID:
        return await self.world.commits.submit(announce, self.command(kind, given, ex_date, **more))

    async def action(self, id_: UUID) -> CorporateAction:
        async with self.world.read() as connection:
            return (await actions_by_id(connection, [id_]))[id_]

    async def holder(self, quantity: str, dollars: int = 100_000) -> Account:
        """An investor who has bought so many."""
        account = await self.world.investor(dollars)
        await self.buy(account, quantity)
        return account

    async def buy(self, account: Account, quantity: str) -> None:
        await self.world.place(account, Side.BUY, self.symbol, quantity=quantity)
        await self.world.pass_time(1_000)

    async def sell(self, account: Account, quantity: str) -> None:
        await self.world.place(account, Side.SELL, self.symbol, quantity=quantity)
        await self.world.pass_time(1_000)

    async def begin(self, day: date) -> None:
        """The session before that day is about to close: what halts for it has halted."""
        await self.world.jump(self.effective_at(day) - timedelta(minutes=8))
        await self.world.act()

    async def take_effect(self, day: date) -> None:
        """That day has come."""
        calendar = calendar_of("XNYS")
        await self.world.jump(calendar.session_bounds(day)[0] + timedelta(minutes=1))
        await self.world.act()

    def effective_at(self, day: date) -> datetime:
        calendar = calendar_of("XNYS")
        return calendar.session_bounds(calendar.add_sessions(day, -1))[1]

    async def lots(self, account: Account, symbol: str | None = None) -> list[tuple[int, int, date]]:
        rows = await self.world.pool.fetch(
            "SELECT remaining, remaining_cost, opened_on FROM lot WHERE book_id = $1 AND instrument_id = $2"
            " AND remaining > 0 ORDER BY opened_on, order_id",
            account.book_id,
            self.world.instrument(symbol or self.symbol).id,
        )
        return [(to_units(row[0]), to_units(row[1]), row[2]) for row in rows]

    async def sold_by(self, id_: UUID) -> list[tuple[int, int, int]]:
        """Quantity, cost and proceeds of what the action sold."""
        rows = await self.world.pool.fetch(
            "SELECT quantity, cost, proceeds FROM lot_sale WHERE action_id = $1 ORDER BY lot_id", id_
        )
        return [(to_units(row[0]), to_units(row[1]), to_units(row[2])) for row in rows]

    async def story(self, book: int, *types: EventType) -> Sequence[Event]:
        async with self.world.read() as connection:
            found = (await streams_after(connection, [(book, 0)], 500))[book, 0]
        return [event for event in found if event.type in types]

    async def owe(self, account: Account, dollars: str) -> None:
        """A fact that costs more than there is."""
        journal, book = self.world.commits.journal, account.book_id

        async def charge(batch: Batch, commands: Sequence[None]) -> list[None]:
            event = NewEvent(book, EventType.WITHDRAWAL, "test", batch.effective_at)
            legs = [Leg(address(book, USD, Kind.RECEIVABLE), address(journal.outside, USD, Kind.FBO), units(dollars))]
            await batch.post_facts([Entry(event, legs)])
            return [None]

        await self.world.commits.submit(charge, None)

    async def check(self) -> None:
        """Custody, sums, lots, replay: all as it must be at any moment."""
        world = self.world
        async with world.pool.acquire() as connection:
            assert await faults_in_the_books(connection, world.commits.journal.id) == []
            left = await connection.fetch(
                "SELECT id FROM ledger.account WHERE kind = 21 AND balance <> 0"  # what companies do is never half done
            )
        assert left == []
        async with world.read() as reading:
            assert [each for each in await custody_proof(reading, world.commits.journal.id) if each.difference] == []
