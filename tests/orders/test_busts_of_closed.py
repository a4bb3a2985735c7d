"""Deals of accounts that are closed by now, taken back: what happened can't be refused, whoever it concerns."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.close import CloseAccount
from app.clients.types import Account, AccountStatus
from app.corporate_actions.close_account import close_without_dividends
from app.kernel.money import UNIT
from app.market.types import Side
from app.venues.port import ReportKind
from tests.orders.test_busts import SILENT, all_is_accounted_for, bought, market_order_of, says
from tests.world import World, running

pytestmark = pytest.mark.asyncio

THURSDAY = datetime(2026, 12, 3, 15, tzinfo=UTC)


async def sold_and_closed(world: World) -> tuple[Account, UUID]:
    """An account that sold ten shares, took the money out once it had settled, and was closed."""
    account = await world.account((await world.order(await bought(world))).account_id)
    sale = await world.place(account, Side.SELL, "KO", everything=True)
    await world.pass_time(100)
    sold = await market_order_of(world, sale)
    await says(world, sold, ReportKind.EXECUTION, "sold", 10, 105)
    await world.jump(THURSDAY)
    cash = await world.cash(account)
    await world.commits.submit(withdraw, CashMovement(account.book_id, cash.settled, "test"))
    await world.commits.submit(close_without_dividends, CloseAccount(account, "test"))
    assert (await world.account(account.id)).status is AccountStatus.CLOSED
    return account, sold


async def story(world: World, account: Account) -> list[str]:
    rows = await world.pool.fetch(
        "SELECT type FROM ledger.event WHERE book_id = $1 AND type LIKE 'ACCOUNT%' ORDER BY sequence", account.book_id
    )
    return [row["type"] for row in rows]


async def cases(world: World) -> list[tuple[str, UUID]]:
    return [tuple(row) for row in await world.pool.fetch("SELECT kind, subject_id FROM ops_case")]


async def test_a_bust_opens_the_account_again(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        account, sold = await sold_and_closed(world)
        await says(world, sold, ReportKind.BUST, "bust", 0, 0, refers_to="sold")
        assert await world.shares(account, "KO") == 10 * UNIT
        assert (await world.cash(account)).receivable == -1_050 * UNIT
        assert (await world.account(account.id)).status is AccountStatus.ACTIVE
        assert await story(world, account) == ["ACCOUNT_OPENED", "ACCOUNT_CLOSED", "ACCOUNT_REOPENED"]
        assert await cases(world) == [("ACCOUNT_REOPENED", account.id)]
        await all_is_accounted_for(world)


async def test_a_correction_that_brings_money_is_the_customers(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        account, sold = await sold_and_closed(world)
        await says(world, sold, ReportKind.CORRECTION, "again", 10, 106, refers_to="sold")
        assert (await world.cash(account)).total == 10 * UNIT
        await all_is_accounted_for(world)


async def test_who_was_open_stays_so_and_who_is_not_concerned_stays_closed(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        account, _ = await sold_and_closed(world)
        order = await bought(world)
        made = await market_order_of(world, order)
        await says(world, made, ReportKind.BUST, "bust", 0, 0, refers_to="one")
        assert (await world.account(account.id)).status is AccountStatus.CLOSED
        assert await cases(world) == []
        await all_is_accounted_for(world)
