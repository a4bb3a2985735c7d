"""One simulated investor: opens an account, puts money in, buys and sells, and learns of fills from the stream."""

import asyncio
import contextlib
import random
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import websockets

from app.demo.client import ApiError, Client
from app.demo.sandbox import key
from app.kernel.ids import new_id

_ACCOUNT = """
id
positions(first: 100) { edges { node { available instrument { symbol } } } }
activity(first: 1) { pageInfo { startCursor } }
"""
_FIND = f"{{ viewer {{ accounts(first: 1) {{ edges {{ node {{ {_ACCOUNT} }} }} }} }} }}"
_OPEN = f"""
mutation Open($name: String!, $key: String!) {{
  openAccount(name: $name, idempotencyKey: $key) {{ account {{ {_ACCOUNT} }} errors {{ message }} }}
}}"""
_DEPOSIT = """
mutation Deposit($account: ID!, $amount: Decimal!, $key: String!) {
  deposit(input: {accountId: $account, amount: {amount: $amount}}, idempotencyKey: $key) {
    account { cash { buyingPower { amount } } } errors { message } }
}"""
_PLACE = """
mutation Place($input: OrderInput!, $key: String!) {
  placeOrder(input: $input, idempotencyKey: $key) { order { id } errors { code message } }
}"""
_FOLLOW = """
subscription Follow($account: ID!, $after: String) {
  orderEvents(accountId: $account, after: $after) {
    cursor type lastQuantity lastAmount { amount }
    order { id type side amount { amount } filledAmount { amount } instrument { symbol } }
  }
}"""

_QUOTE = """query Quote($symbol: String!) { instrument(symbol: $symbol) { quote { bid { amount } ask { amount } } } }"""
_CANCEL = """
mutation Cancel($order: ID!, $key: String!) {
  cancelOrder(orderId: $order, idempotencyKey: $key) { errors { code } }
}"""

#: One order in so many names a limit, up to half a percent better than the market, and waits for it.
_PATIENT = 0.15

#: The fewest dollars to act on, and what a thin wallet is filled up with.
_LEAST, _REFILL = Decimal(20), Decimal(150)

_UNFILLED = ("ORDER_CANCELED", "ORDER_EXPIRED", "ORDER_REJECTED")
_ENDED = ("ORDER_FILLED", *_UNFILLED)


class Investor:
    """Has a wallet, a few positions, and opinions drawn from a seed."""

    def __init__(self, client: Client, user: UUID, number: int) -> None:
        self._client = client
        self._user = user
        self._number = number
        self._chance = random.Random(f"investor {number}")  # noqa: S311 - a simulation
        self._account = ""
        self._heard: str | None = None
        self._cash = Decimal(0)
        self._resting: list[str] = []
        self._shares: dict[str, Decimal] = {}
        self.fills = 0

    async def arrive(self) -> None:
        """Open the account (the same one after a restart) and fill the wallet the first time."""
        account = await self._find() or await self._open()
        self._account = account["id"]
        self._heard = account["activity"]["pageInfo"]["startCursor"]
        await self._deposit(key(self._user, "first deposit"), Decimal(self._chance.choice([50, 100, 200, 500])))
        self._shares = {
            edge["node"]["instrument"]["symbol"]: Decimal(edge["node"]["available"])
            for edge in account["positions"]["edges"]
        }

    async def _find(self) -> dict[str, Any] | None:
        edges = (await self._client.execute(_FIND, {}))["viewer"]["accounts"]["edges"]
        return edges[0]["node"] if edges else None

    async def _open(self) -> dict[str, Any]:
        data = await self._client.execute(
            _OPEN, {"name": f"Investor {self._number + 1}", "key": str(key(self._user, "open"))}
        )
        found: dict[str, Any] = data["openAccount"]["account"]
        return found

    async def listen(self) -> None:
        """Follow the orders' events for ever, going on after the last one seen whenever the connection breaks."""
        while True:
            with contextlib.suppress(OSError, ApiError, websockets.WebSocketException):
                async for data in self._client.follow(_FOLLOW, {"account": self._account, "after": self._heard}):
                    self._heard = data["orderEvents"]["cursor"]
                    self._hear(data["orderEvents"])
            await asyncio.sleep(self._chance.uniform(0.5, 2))

    async def act(self, symbol: str) -> None:
        """Buy some of it, or sell some if there is any; and refill a thin wallet."""
        try:
            if self._cash < _LEAST:
                await self._deposit(new_id(), _REFILL)
            if self._resting and self._chance.random() < _PATIENT:
                await self._client.execute(_CANCEL, {"order": self._resting.pop(), "key": str(new_id())})
            order = self._decide(symbol)
            if self._chance.random() < _PATIENT:
                order |= await self._limit(symbol, order["side"])
            await self._place(order)
        except (ApiError, httpx2.HTTPError):
            return  # the server is stopping or starting: another time

    def _decide(self, symbol: str) -> dict[str, Any]:
        order: dict[str, Any] = {"accountId": self._account, "symbol": symbol, "side": "BUY"}
        owned = self._shares.get(symbol, Decimal(0))
        if owned > 0 and self._chance.random() < 0.45:
            order["side"] = "SELL"
            if self._chance.random() < 0.5:
                return order | {"all": True}
            part = (owned * Decimal(self._chance.randint(20, 90)) / 100).quantize(Decimal("1e-8"))
            return order | {"quantity": f"{max(part, Decimal('1e-8')):f}"}
        dollars = min(self._cash, Decimal(self._chance.choice([5, 5, 10, 10, 10, 20, 25, 50])))
        return order | {"amount": {"amount": f"{max(Decimal(5), dollars):.2f}"}}

    async def _limit(self, symbol: str, side: str) -> dict[str, Any]:
        """A price a little better than the market's, good for the day."""
        quote = (await self._client.execute(_QUOTE, {"symbol": symbol}))["instrument"]["quote"]
        better = Decimal(self._chance.randint(0, 50)) / 10_000
        buys = side == "BUY"
        price = Decimal(quote["ask" if buys else "bid"]["amount"]) * (1 - better if buys else 1 + better)
        return {"type": "LIMIT", "limitPrice": {"amount": f"{price:.2f}"}}

    async def _place(self, order: dict[str, Any]) -> None:
        placed = (await self._client.execute(_PLACE, {"input": order, "key": str(new_id())}))["placeOrder"]
        if placed["errors"]:
            return
        if "amount" in order and order["side"] == "BUY":
            self._cash -= Decimal(order["amount"]["amount"])
        if "limitPrice" in order:
            self._resting.append(placed["order"]["id"])

    async def _deposit(self, once: UUID, dollars: Decimal) -> None:
        variables = {"account": self._account, "amount": f"{dollars:.2f}", "key": str(once)}
        account = (await self._client.execute(_DEPOSIT, variables))["deposit"]["account"]
        if account is not None:
            self._cash = Decimal(account["cash"]["buyingPower"]["amount"])

    def _hear(self, event: dict[str, Any]) -> None:
        order = event["order"]
        if event["type"] in _ENDED and order["id"] in self._resting:
            self._resting.remove(order["id"])
        if event["type"] in _UNFILLED and order["side"] == "BUY" and order["amount"] is not None:
            self._cash += Decimal(order["amount"]["amount"]) - Decimal(order["filledAmount"]["amount"])
        if event["lastQuantity"] is None or event["type"] not in ("ORDER_FILLED", "ORDER_PARTIALLY_FILLED"):
            return
        self.fills += 1
        symbol, quantity = order["instrument"]["symbol"], Decimal(event["lastQuantity"])
        if order["side"] == "BUY":
            self._shares[symbol] = self._shares.get(symbol, Decimal(0)) + quantity
        else:
            self._shares[symbol] = max(Decimal(0), self._shares.get(symbol, Decimal(0)) - quantity)
            self._cash += Decimal(event["lastAmount"]["amount"])
