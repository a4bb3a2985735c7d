"""How many SQL statements an operation takes: a fixed number, however many rows there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from app.kernel.ids import new_id
from app.kernel.principal import Role
from resolvers.ids import encode_id
from tests.api.operations import PLACE, money, opened, placed
from tests.api.site import Client, Site

pytestmark = pytest.mark.asyncio

HOME = """
{
  viewer {
    accounts(first: 10) {
      edges {
        node {
          id name
          cash { buyingPower { amount } settled { amount } unsettled { amount } }
          value { total { amount } }
          positions(first: 10) { edges { node {
            instrument { symbol name quote { last { amount } } } quantity cost { amount } gain { amount }
          } } }
        }
      }
    }
  }
  market { now }
}"""
ORDERS = """
query ($id: ID!) {
  node(id: $id) { ... on Account { orders(first: 20) { edges { node {
    status filledQuantity averagePrice { amount } capacity settlesOn instrument { symbol }
    account { id cash { settled { amount } } } executions { price { amount } }
  } } } } }
}"""
ACTIVITY = """
query ($id: ID!) {
  node(id: $id) { ... on Account { activity(first: 100) { edges { node {
    type order { status instrument { symbol } } transfers { amount asset debit { balance } credit { balance } }
  } } } } }
}"""
EVERYTHING = """
{
  viewer {
    accounts(first: 10) {
      edges {
        node {
          cash { buyingPower { amount } }
          orders(first: 5) { edges { node { status instrument { symbol } } } }
          activity(first: 5) { edges { node { type } } }
        }
      }
    }
  }
}"""
DESK = """
{
  desk { cursor custody { customers } marketOrders(first: 50) { edges { node {
    status executions { quantity } allocations(first: 5) { edges { node { orderId quantity } } }
  } } } }
}"""

#: One statement for each kind of thing; the message that begins a read and names its tenant is not counted.


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that the API sends meanwhile, BEGIN and COMMIT apart."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    engine = site.world.api.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def sent_by(site: Site, client: Client, query: str, **variables: Any) -> list[str]:
    with counted(site) as sent:
        await client.ask(query, **variables)
    return sent


async def invested(site: Site, client: Client, accounts: int, orders: int) -> list[str]:
    """Accounts with so many filled orders each, of different instruments."""
    ids = [await opened(client, "1000.00") for _ in range(accounts)]
    for id_ in ids:
        for symbol in ("AAPL", "KO", "MSFT", "PEP")[:orders]:
            await placed(client, id_, "BUY", symbol, amount=money("10.00"))
    await site.world.pass_time(300)
    return ids


@pytest.mark.parametrize(("accounts", "orders"), [(1, 1), (1, 4), (3, 4)])
async def test_the_home_screen_takes_five(site: Site, accounts: int, orders: int) -> None:
    """The accounts, their cash, their positions, and what those cost."""
    async with site.client() as ann:
        await invested(site, ann, accounts, orders)
        assert len(await sent_by(site, ann, HOME)) == 4


@pytest.mark.parametrize("orders", [1, 4])
async def test_orders_with_all_that_belongs_to_them_take_six(site: Site, orders: int) -> None:
    """The account, its orders, their market orders, their executions, and the account's cash."""
    async with site.client() as ann:
        [account] = await invested(site, ann, 1, orders)
        assert len(await sent_by(site, ann, ORDERS, id=account)) == 5


@pytest.mark.parametrize("orders", [1, 4])
async def test_activity_with_orders_and_transfers_takes_five(site: Site, orders: int) -> None:
    """The account, its entries, their orders, and their transfers."""
    async with site.client() as ann:
        [account] = await invested(site, ann, 1, orders)
        assert len(await sent_by(site, ann, ACTIVITY, id=account)) == 4


@pytest.mark.parametrize("accounts", [1, 4])
async def test_lists_inside_a_list_take_one_for_all_of_them(site: Site, accounts: int) -> None:
    """The accounts, their cash, their orders, and their entries."""
    async with site.client() as ann:
        await invested(site, ann, accounts, 2)
        assert len(await sent_by(site, ann, EVERYTHING)) == 4


@pytest.mark.parametrize("orders", [1, 4])
async def test_the_desk_takes_six(site: Site, orders: int) -> None:
    """The newest position, custody, the market orders, their executions, and their allocations."""
    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        await invested(site, ann, 2, orders)
        assert len(await sent_by(site, operator, DESK)) == 5


async def test_a_hundred_nodes_take_one_for_each_kind(site: Site) -> None:
    async with site.client() as ann:
        accounts = await invested(site, ann, 3, 2)
        found = await site.world.pool.fetch("SELECT id FROM customer_order")
        ids = [*accounts, *(encode_id("Order", row["id"]) for row in found), encode_id("Instrument", 2)]
        query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
        assert len(await sent_by(site, ann, query, ids=ids * 5)) == 2


async def test_placing_an_order_reads_the_account_before_and_nothing_after(site: Site) -> None:
    """What was written is answered; only what was not is read: asked again, the order as it stands."""
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        order = {"accountId": account, "symbol": "AAPL", "side": "BUY", "amount": money("10.00")}
        query, key = PLACE.replace("account { id }", ""), str(new_id())
        assert len(await sent_by(site, ann, query, input=order, key=key)) == 1
        assert len(await sent_by(site, ann, query, input=order, key=key)) == 2 * (1)
        assert len(await sent_by(site, ann, PLACE, input=order, key=str(new_id()))) == 2 * (1)


async def test_a_quote_takes_none(site: Site) -> None:
    async with site.client() as ann:
        assert await sent_by(site, ann, '{ instrument(symbol: "AAPL") { name isOpen quote { bid { amount } } } }') == []
