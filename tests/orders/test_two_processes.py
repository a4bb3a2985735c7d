"""Two server processes on one database: no window closes twice, no event is lost, one finishes the other's work."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.demo.client import Client
from app.infra.database import ENGINE_ROLE
from app.ledger.books import journals
from app.ledger.replay import replay
from tests.orders.servers import Servers, servers

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

OPEN = """mutation($key: String!) { openAccount(name: "x", idempotencyKey: $key) { account { id } } }"""
DEPOSIT = """mutation($account: ID!, $key: String!) {
  deposit(input: {accountId: $account, amount: {amount: "1000.00"}}, idempotencyKey: $key) { errors { code } } }"""
PLACE = """mutation($account: ID!, $symbol: String!, $key: String!) {
  placeOrder(
    input: {accountId: $account, symbol: $symbol, side: BUY, amount: {amount: "10.00"}}, idempotencyKey: $key) {
    order { id } errors { code } } }"""
FOLLOW = """subscription($account: ID!) { orderEvents(accountId: $account) { cursor type order { id } } }"""
FINAL = {"ORDER_FILLED", "ORDER_CANCELED", "ORDER_REJECTED"}


async def _account(shop: Servers, user: UUID) -> str:
    client = shop.client(0, user)
    account: str = (await client.execute(OPEN, {"key": str(uuid4())}))["openAccount"]["account"]["id"]
    await client.execute(DEPOSIT, {"account": account, "key": str(uuid4())})
    return account


async def _place(client: Client, account: str, symbol: str) -> str:
    answer = await client.execute(PLACE, {"account": account, "symbol": symbol, "key": str(uuid4())})
    assert answer["placeOrder"]["errors"] == []
    order: str = answer["placeOrder"]["order"]["id"]
    return order


async def _follow(client: Client, account: str, orders: int) -> list[dict[str, Any]]:
    """The account's events until so many orders have come to their end."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        async for data in client.follow(FOLLOW, {"account": account}):
            seen.append(data["orderEvents"])
            if sum(event["type"] in FINAL for event in seen) == orders:
                return seen
    raise AssertionError("the stream ended early")


async def _check_books(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        for journal in await journals(connection):
            assert (await replay(connection, journal.id)).disagreement is None
        assert await connection.fetchval("SELECT count(*) FROM customer_order WHERE ended_at IS NULL") == 0
        assert await connection.fetchval("SELECT sum(balance) FROM ledger.account WHERE kind = 5") == 0
        doubled = "SELECT count(*) - count(DISTINCT client_order_id) FROM paper.venue_order"
        assert await connection.fetchval(doubled) == 0
        positions = "SELECT count(*) = max(position) AND min(position) = 1 FROM ledger.event"
        assert await connection.fetchval(positions)
    finally:
        await connection.close()


async def test_two_processes_share_windows_and_tell_each_others_events(database_url: str) -> None:
    async with servers(database_url, 2) as shop:
        users = [uuid4() for _ in range(6)]
        accounts = await asyncio.gather(*(_account(shop, user) for user in users))
        rounds, symbols = 5, ("AAPL", "KO", "ETH")
        # Each account is followed at one server, while its orders go to both in turn.
        following = [
            asyncio.create_task(_follow(shop.client(number % 2, user), account, rounds * len(symbols)))
            for number, (user, account) in enumerate(zip(users, accounts, strict=True))
        ]
        for _ in range(rounds):
            placing = [
                _place(shop.client((number + turn) % 2, user), account, symbol)
                for number, (user, account) in enumerate(zip(users, accounts, strict=True))
                for turn, symbol in enumerate(symbols)
            ]
            await asyncio.gather(*placing)
        for seen in await asyncio.gather(*following):
            assert len({event["cursor"] for event in seen}) == len(seen)
            by_order: dict[str, list[str]] = {}
            for event in seen:
                by_order.setdefault(event["order"]["id"], []).append(event["type"])
            for types in by_order.values():
                assert types[:2] == ["ORDER_ACCEPTED", "ORDER_NEW"]
                assert [type_ for type_ in types if type_ in FINAL] == types[-1:]
        connection = await asyncpg.connect(database_url)
        dealt = await connection.fetchrow(
            "SELECT (SELECT count(DISTINCT holder) FROM lease WHERE name LIKE 'orders/%'), count(*) FROM market_order"
        )
        await connection.close()
        assert dealt is not None
        assert dealt[0] == 2, "both processes lead shards"
        assert dealt[1] < rounds * len(symbols) * len(users), "orders were gathered"
    await _check_books(database_url)


async def test_what_a_killed_process_began_another_finishes(database_url: str) -> None:
    async with servers(database_url, 2) as shop:
        user = uuid4()
        account = await _account(shop, user)
        client = shop.client(0, user)
        orders = await asyncio.gather(*(_place(client, account, symbol) for symbol in ("AAPL", "KO", "ETH", "BTC") * 5))
        await shop.servers[0].kill()
        seen = await _follow(shop.client(1, user), account, len(orders))
        assert {event["order"]["id"] for event in seen if event["type"] in FINAL} == set(orders)
    await _check_books(database_url)
