"""The operations that tests send, as a client would write them."""

from typing import Any

from tests.api.site import Client

MONEY = "{ amount currency }"
ORDER = """
id side status all amount { amount } quantity filledQuantity filledAmount { amount } averagePrice { amount }
capacity settlesOn reason instrument { symbol } account { id } executions { venue quantity price { amount } }
"""
ERRORS = "errors { code message path }"

OPEN_ACCOUNT = f"""
mutation ($name: String!, $key: String!) {{
  openAccount(name: $name, idempotencyKey: $key) {{ account {{ id name status }} {ERRORS} }}
}}"""
DEPOSIT = f"""
mutation ($input: CashInput!, $key: String!) {{
  deposit(input: $input, idempotencyKey: $key) {{ account {{ id }} entry {{ id type }} {ERRORS} }}
}}"""
WITHDRAW = DEPOSIT.replace("deposit(", "withdraw(")
PREVIEW = f"""
mutation ($input: OrderInput!) {{
  previewOrder(input: $input) {{
    preview {{
      instrument {{ symbol }} price {{ amount }} quantity amount {{ amount }} hold sufficient
      cash {{ buyingPower {{ amount }} }} tradesAt windowMilliseconds settlesOn
    }}
    {ERRORS}
  }}
}}"""
PLACE = f"""
mutation ($input: OrderInput!, $key: String!) {{
  placeOrder(input: $input, idempotencyKey: $key) {{ order {{ {ORDER} }} {ERRORS} }}
}}"""
CANCEL = f"""
mutation ($orderId: ID!, $key: String!) {{
  cancelOrder(orderId: $orderId, idempotencyKey: $key) {{ order {{ {ORDER} }} {ERRORS} }}
}}"""
ORDER_EVENTS = f"""
subscription ($accountId: ID!, $after: String) {{
  orderEvents(accountId: $accountId, after: $after) {{
    cursor type lastQuantity lastAmount {{ amount }} cumulativeQuantity cumulativeAmount {{ amount }} reason
    order {{ {ORDER} }}
  }}
}}"""
CASH = """
query ($id: ID!) {
  node(id: $id) { ... on Account { cash {
    settled { amount } unsettled { amount } instant { amount } pending { amount } held { amount } owed { amount }
    buyingPower { amount } withdrawable { amount }
  } } }
}"""
POSITIONS = """
query ($id: ID!) {
  node(id: $id) { ... on Account { positions(first: 100) { edges { node {
    instrument { symbol } quantity held available cost { amount } averageCost { amount } marketValue { amount }
    gain { amount }
  } } } } }
}"""


def money(dollars: str) -> dict[str, str]:
    return {"amount": dollars}


async def opened(client: Client, dollars: str | None = None) -> str:
    """The id of a new account, with a deposit."""
    payload = await client.do(OPEN_ACCOUNT, name="Rainy days")
    assert payload["errors"] == []
    id_: str = payload["account"]["id"]
    if dollars is not None:
        deposited = await client.do(DEPOSIT, input={"accountId": id_, "amount": money(dollars)})
        assert deposited["errors"] == []
    return id_


async def placed(client: Client, account_id: str, side: str, symbol: str, **size: Any) -> str:
    """The id of an order that was accepted."""
    payload = await client.do(PLACE, input={"accountId": account_id, "symbol": symbol, "side": side, **size})
    assert payload["errors"] == []
    id_: str = payload["order"]["id"]
    return id_


async def cash(client: Client, account_id: str) -> dict[str, str]:
    """The account's dollars by kind."""
    found = (await client.ask(CASH, id=account_id))["node"]["cash"]
    return {kind: balance["amount"] for kind, balance in found.items()}


async def positions(client: Client, account_id: str) -> dict[str, Any]:
    """The account's positions by symbol."""
    edges = (await client.ask(POSITIONS, id=account_id))["node"]["positions"]["edges"]
    return {edge["node"]["instrument"]["symbol"]: edge["node"] for edge in edges}
