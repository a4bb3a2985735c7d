"""A whole back office on one test database, under a clock that moves only when told to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from broadcaster import Broadcast
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.open import OpenAccount, open_accounts
from app.clients.reads import accounts_by_id
from app.clients.types import Account
from app.corporate_actions.job import carry_out_due
from app.infra.database import EnginePool, api_engine, engine_pool, reading
from app.infra.hub import Hub
from app.kernel.clock import ManualClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT, to_units
from app.ledger.books import open_tenant
from app.ledger.commit import GroupCommit
from app.ledger.reads import cash_by_book, positions_by_book
from app.ledger.types import Cash
from app.ledger.writers import Writers
from app.market.catalogue import INSTRUMENTS
from app.market.market import Market
from app.market.types import Instrument, InstrumentKind, Quote, Side, TimeInForce
from app.orders.cancel import CancelOrder, cancel
from app.orders.engine import OrderEngine
from app.orders.hear import Told
from app.orders.lead import give_up
from app.orders.place import PlaceOrder, place
from app.orders.reads import orders_by_id
from app.orders.reports import Outcome, apply_reports
from app.orders.request import size_of
from app.orders.terms import terms_of
from app.orders.types import Order, OrderType
from app.proof.seal import Seals, seal
from app.venues.house import HOUSE, HouseVenue
from app.venues.paper import PaperBehaviour, PaperVenue
from app.venues.port import Report
from app.venues.profile import load_profiles
from app.venues.venues import Venues
from tests.proof.publishing import new_seals

#: A Wednesday in session, with Thanksgiving between it and its settlement day.
WEDNESDAY = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
CALM = PaperBehaviour(split=0.0, first_ms=(10, 10), slip_cents=0)


@dataclass(slots=True)
class SetQuotes:
    """Prices that a test sets by hand, in dollars; bid and ask lie one cent around them."""

    clock: ManualClock
    prices: dict[int, Decimal] = field(default_factory=dict)

    def quote(self, instrument_id: int, at: datetime) -> Quote | None:
        price = self.prices.get(instrument_id)
        if price is None:
            return None
        last, cent = to_units(price), UNIT // 100
        return Quote(instrument_id, "", last - cent, last + cent, last, last, at, simulated=True)


@dataclass(slots=True)
class World:
    """What a test can reach."""

    pool: EnginePool
    api: AsyncEngine
    clock: ManualClock
    quotes: SetQuotes
    market: Market
    hub: Hub
    writers: Writers
    commits: GroupCommit
    engine: OrderEngine
    venue: PaperVenue
    seals: Seals

    def instrument(self, symbol: str) -> Instrument:
        found = self.market.by_symbol(symbol)
        assert found is not None
        return found

    async def investor(self, dollars: int = 0) -> Account:
        """A new account with that much settled cash."""
        id_ = await self.commits.submit(open_accounts, OpenAccount(new_id(), "Test", "test"))
        async with self.read() as connection:
            account = (await accounts_by_id(connection, [id_]))[id_]
        if dollars:
            await self.commits.submit(deposit, CashMovement(account.book_id, dollars * UNIT, "test"))
        return account

    async def account(self, id_: UUID) -> Account:
        async with self.read() as connection:
            return (await accounts_by_id(connection, [id_]))[id_]

    async def place(
        self,
        account: Account,
        side: Side,
        symbol: str,
        *,
        amount: str | None = None,
        quantity: str | None = None,
        everything: bool = False,
        limit: str | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        expires_at: datetime | None = None,
    ) -> UUID:
        instrument = self.instrument(symbol)
        quote = self.market.quote(instrument.id)
        assert quote is not None
        size = size_of(side, _decimal(amount), _decimal(quantity), everything)
        type_ = OrderType.MARKET if limit is None else OrderType.LIMIT
        terms = terms_of(type_, _decimal(limit), time_in_force, expires_at, instrument, self.clock.now())
        command = PlaceOrder(account.id, account.book_id, instrument.id, side, size, quote, "test", terms)
        order = await self.commits.submit(place, command)
        self.engine.notice(order.group)
        return order.id

    async def cancel(self, id_: UUID) -> None:
        """Cancel an order, and let the engine know."""
        await self.commits.submit(cancel, CancelOrder(id_, "test"))
        await self.leaves(id_)

    async def leaves(self, id_: UUID) -> None:
        """Let the engine know of an order that wants to leave its market order."""
        order = await self.order(id_)
        if order.market_order_id is not None:
            self.engine.notice_leaving(order.market_order_id, order.journal_id, order.instrument_id)

    async def told(self, report: Report) -> Outcome:
        """Have a report taken in as if a venue had sent it."""
        instrument = await self.pool.fetchval(
            "SELECT instrument_id FROM market_order WHERE id = $1", report.client_order_id
        )
        dates = self.market.trade_dates(self.market.instruments[instrument], report.at)
        return await self.commits.submit(apply_reports, Told(report, *dates))

    async def act(self) -> None:
        """Carry out what is due of corporate actions, and what follows from it for orders."""
        for _ in range(8):
            await carry_out_due(self.pool, self.writers, self.market)
            await self.pass_time(1_000, 250)
        await carry_out_due(self.pool, self.writers, self.market)

    async def pass_time(self, milliseconds: int = 1000, step: int = 50) -> None:
        """Let time go by in steps, doing what falls due."""
        for _ in range(0, milliseconds, step):
            self.clock.advance(timedelta(milliseconds=step))
            await self.engine.run_due()

    async def jump(self, to: datetime) -> None:
        """Let a long time go by at once."""
        self.clock.advance(to - self.clock.now())
        await self.engine.run_due()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with reading(self.api, self.commits.journal.tenant_id) as connection:
            yield connection

    async def seal(self) -> int | None:
        """Make a checkpoint of what is in the journal now, if there is anything new."""
        async with self.pool.acquire() as connection:
            return await seal(connection, self.seals, self.commits.journal, self.clock.now())

    async def order(self, id_: UUID) -> Order:
        async with self.read() as connection:
            return (await orders_by_id(connection, [id_]))[id_]

    async def cash(self, account: Account) -> Cash:
        async with self.read() as connection:
            return (await cash_by_book(connection, [account.book_id]))[account.book_id]

    async def shares(self, account: Account, symbol: str) -> int:
        async with self.read() as connection:
            positions = (await positions_by_book(connection, [account.book_id]))[account.book_id]
        return sum(each.quantity for each in positions if each.asset == self.instrument(symbol).id)

    async def everything(self) -> list[Sequence[object]]:
        """All rows of all tables that a request could change: to show that a refusal changed nothing."""
        return [
            tuple(row)
            for table in _TABLES
            for row in await self.pool.fetch(f"SELECT '{table}', * FROM {table} ORDER BY 2, 3")
        ]


_TABLES = (
    "ledger.journal_head",
    "ledger.book",
    "ledger.account",
    "ledger.event",
    "ledger.transfer",
    "ledger.idempotency",
    "account",
    "customer_order",
    "market_order",
    "allocation",
    "allocation_run",
    "venue_order",
    "execution",
    "lot",
    "lot_sale",
    "trade_settlement",
    "cash_settlement",
    "corporate_action",
    "dividend_entitlement",
    "terms_change",
    "instrument_split",
    "risk_rule",
    "cash_violation",
    "ops_case",
    "case_entry",
    "daily_close",
    "trial_balance_row",
    "manual_journal",
    "reconciliation",
)


@asynccontextmanager
async def running(
    url: str, behaviour: PaperBehaviour = CALM, at: datetime = WEDNESDAY, patience: float = 30.0
) -> AsyncIterator[World]:
    """A world on the database at ``url``, with a tenant of its own."""
    pool = await engine_pool(url, 5)
    api = api_engine(url, 3)
    clock = ManualClock(at)
    quotes = SetQuotes(clock, {each.id: Decimal(100) for each in INSTRUMENTS})
    market = Market({each.id: each for each in INSTRUMENTS}, quotes, clock)
    hub = Hub(Broadcast("memory://"))
    try:
        async with asyncio.TaskGroup() as tasks:
            writers = Writers(pool, hub, tasks, clock=clock, market_clock=clock)
            async with pool.acquire() as connection:
                await _instruments(connection)
                journal = await open_tenant(connection, f"tenant {new_id()}", at)
                profiles = await load_profiles(connection)
            venue = PaperVenue(pool, market, clock=clock, behaviour=behaviour)
            routes = {InstrumentKind.EQUITY: venue.name, InstrumentKind.CRYPTO: venue.name}
            venues = Venues({venue.name: venue, HOUSE: HouseVenue(market)}, routes, profiles)
            engine = OrderEngine(pool, writers, market, venues, hub, clock=clock, lease_clock=clock, patience=patience)
            commits = await writers.of(journal.tenant_id)
            yield World(pool, api, clock, quotes, market, hub, writers, commits, engine, venue, new_seals())
            await give_up(pool, engine.id)
            writers.stop()
    finally:
        await api.dispose()
        await pool.close()


async def _instruments(connection: object) -> None:
    from app.market.load import add_instruments

    await add_instruments(connection)  # type: ignore[arg-type]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
