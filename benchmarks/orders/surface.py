"""Orders through a server as it is served: placed over HTTP, their fills awaited on a WebSocket subscription.

The server is a process of its own, and so is its database; the customers are this process, over connections that they
keep, and all three share the machine: what the customers take of it is told too. A customer has one order under way, so
the rate cannot exceed the number of customers over the time from request to fill. The paper venue behaves as in the
demo: it takes its time, and deals some orders in parts.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from benchmarks.orders.floor import SYMBOLS
from benchmarks.orders.wire import Wire
from tests.orders.servers import Servers, servers

USERS = 64
CONNECTIONS = 64
OPEN = """mutation($key: String!) { openAccount(name: "x", idempotencyKey: $key) { account { id } } }"""
DEPOSIT = """mutation($account: ID!, $key: String!) {
  deposit(input: {accountId: $account, amount: {amount: "100000.00"}}, idempotencyKey: $key) { errors { code } } }"""
PLACE = """mutation($account: ID!, $symbol: String!, $key: String!) {
  placeOrder(
    input: {accountId: $account, symbol: $symbol, side: BUY, amount: {amount: "10.00"}}, idempotencyKey: $key) {
    order { id } errors { code } } }"""
FOLLOW = """subscription($account: ID!) { orderEvents(accountId: $account) { type order { id } } }"""


@dataclass(slots=True)
class Customer:
    """A user with an account, who follows their orders and has one under way at a time."""

    token: str
    wire: Wire
    account: str = ""
    filled: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    @property
    def head(self) -> bytes:
        return (
            f"POST /graphql HTTP/1.1\r\nhost: benchmark\r\nauthorization: Bearer {self.token}\r\n"
            "content-type: application/json\r\n"
        ).encode()

    async def follow(self) -> None:
        async for data in self.wire.follow(self.token, FOLLOW, {"account": self.account}):
            event = data["orderEvents"]
            if event["type"] in ("ORDER_FILLED", "ORDER_CANCELED", "ORDER_REJECTED"):
                self.filled.put_nowait(event["order"]["id"])


@dataclass(frozen=True, slots=True)
class Crowd:
    """The customers, and the connections that they share."""

    customers: list[Customer]
    wires: asyncio.Queue[Wire]

    async def post(self, customer: Customer, query: str, **variables: str) -> dict[str, Any]:
        body = orjson.dumps({"query": query, "variables": variables | {"key": str(uuid4())}})
        wire = await self.wires.get()
        try:
            return await wire.post(customer.head, body)
        finally:
            self.wires.put_nowait(wire)

    async def arrive(self, customer: Customer) -> None:
        """Open an account and put money in."""
        opened = await self.post(customer, OPEN)
        customer.account = opened["openAccount"]["account"]["id"]
        await self.post(customer, DEPOSIT, account=customer.account)

    async def trade(self, customer: Customer, orders: int) -> tuple[list[float], list[float]]:
        """One order after the other; answers how long each acceptance and each fill took, from the request on."""
        acceptances, fills = [], []
        for _ in range(orders):
            started, symbol = time.perf_counter(), random.choice(SYMBOLS).symbol
            placed = await self.post(customer, PLACE, account=customer.account, symbol=symbol)
            assert placed["placeOrder"]["errors"] == []
            acceptances.append(time.perf_counter() - started)
            while await customer.filled.get() != placed["placeOrder"]["order"]["id"]:
                pass
            fills.append(time.perf_counter() - started)
        return acceptances, fills


@asynccontextmanager
async def crowd(shop: Servers, count: int) -> AsyncIterator[Crowd]:
    """Customers with money who follow their orders."""
    address = urlsplit(shop.servers[0].url)
    wires: asyncio.Queue[Wire] = asyncio.Queue()
    async with AsyncExitStack() as stack:

        async def connected() -> Wire:
            wire = Wire(*await asyncio.open_connection(address.hostname, address.port))
            stack.callback(wire.writer.close)
            return wire

        for _ in range(CONNECTIONS):
            wires.put_nowait(await connected())
        found = Crowd([Customer(shop.token(uuid4()), await connected()) for _ in range(count)], wires)
        await asyncio.gather(*(found.arrive(each) for each in found.customers))
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(each.follow()) for each in found.customers]
            yield found
            for task in following:
                task.cancel()


async def run(url: str, orders: int, users: int = USERS) -> None:
    """Let the crowd trade, and print what one server process did."""
    each = max(2, orders // users)
    async with servers(url, 1) as shop, crowd(shop, users) as here:
        await asyncio.gather(*(here.trade(customer, 1) for customer in here.customers))  # warm up
        pid = shop.servers[0].process.pid
        started, busy, ours = time.perf_counter(), _cpu_seconds(pid), time.process_time()
        found = await asyncio.gather(*(here.trade(customer, each) for customer in here.customers))
        took, busy, ours = time.perf_counter() - started, _cpu_seconds(pid) - busy, time.process_time() - ours
    acceptances = [wait for waits, _ in found for wait in waits]
    fills = [wait for _, waits in found for wait in waits]
    print(f"\nHTTP: {len(fills):,} $10 buys by {users} customers, {CONNECTIONS} connections and {users} WebSockets")
    print(f"  one server process: {len(fills) / took:,.0f} orders/s from the request to the fill on the subscription")
    print(f"  request to acceptance {_cuts(acceptances)}; request to fill {_cuts(fills)} (window and venue included)")
    print(f"  of {os.cpu_count()} cores the server took {busy / took:.0%}, the customers {ours / took:.0%} of one")
    print(f"  the server's time per order: {busy / len(fills) * 1000:.2f} ms")


def _cuts(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:,.0f} ms, p99 {cuts[98] * 1000:,.0f} ms"


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
