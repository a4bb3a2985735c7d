"""``GET /demo/session``: working tokens and example operations. It exists in the demo only."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.clients.reads import accounts_of
from app.demo.sandbox import investor, investor_token, operator_token
from app.identity.tokens import LocalKey
from app.infra.database import reading
from app.kernel.ids import new_id
from app.kernel.paging import PageOf
from resolvers.context import Services
from resolvers.ids import encode_id

VIEWER = """# You are one of the simulated investors. Press the play button.
query Me {
  viewer {
    accounts(first: 1) {
      edges {
        node {
          id
          name
          cash {
            buyingPower { amount }
            settled { amount }
            unsettled { amount }
            held { amount }
            withdrawable { amount }
          }
          value { total { amount currency } }
          positions(first: 10) {
            edges {
              node {
                instrument { symbol }
                quantity
                averageCost { amount }
                marketValue { amount }
                gain { amount }
              }
            }
          }
        }
      }
    }
  }
}
"""

JOURNAL = """# Follow a dollar: every entry of your journal with what moved, newest first.
query Journal {
  viewer {
    accounts(first: 1) {
      edges {
        node {
          activity(first: 10) {
            edges {
              node {
                sequence
                type
                recordedAt
                order { instrument { symbol } side status filledQuantity averagePrice { amount } }
                transfers {
                  amount
                  asset
                  debit { book kind balance }
                  credit { book kind balance }
                }
              }
            }
          }
        }
      }
    }
  }
}
"""

PLACE = """# Press play: the order is accepted. Again: the same key, the same answer. A new UUID is a new order.
mutation Buy($account: ID!, $key: String!) {
  placeOrder(
    input: { accountId: $account, symbol: "AAPL", side: BUY, amount: { amount: "10.00" } }
    idempotencyKey: $key
  ) {
    order { id status }
    errors { code message path }
  }
}
"""

FOLLOW = """# Everything that happened to your orders, and whatever happens next, over a WebSocket.
subscription Fills($account: ID!) {
  orderEvents(accountId: $account) {
    cursor
    type
    lastQuantity
    lastAmount { amount }
    cumulativeQuantity
    order { instrument { symbol } side status }
  }
}
"""

MARKET = """# What can be traded, what it costs, and what it cost: real closes, simulated quotes between them.
query Market {
  market { now simulated }
  instruments(first: 10, search: "a") {
    edges {
      node {
        symbol
        name
        isOpen
        quote { bid { amount } ask { amount } simulated }
        bars(first: 5) { edges { node { time close { amount } source } } }
      }
    }
  }
}
"""


def session_route(tokens: LocalKey, tenant_id: UUID, services: Services) -> Route:
    """The route; it hands out fresh tokens of the sandbox to whoever asks."""

    async def session(_: Request) -> Response:
        account = await _account(services, tenant_id)
        body = {
            "operatorToken": operator_token(tokens, tenant_id),
            "investorToken": investor_token(tokens, tenant_id, investor(0)),
            "examples": [
                {"name": "Me", "query": VIEWER, "variables": {}},
                {"name": "Buy", "query": PLACE, "variables": {"account": account, "key": str(new_id())}},
                {"name": "Fills", "query": FOLLOW, "variables": {"account": account}},
                {"name": "Journal", "query": JOURNAL, "variables": {}},
                {"name": "Market", "query": MARKET, "variables": {}},
            ],
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return Route("/demo/session", session)


async def _account(services: Services, tenant_id: UUID) -> str:
    """The first investor's account; empty until it is opened."""
    async with reading(services.api, tenant_id) as connection:
        found = await accounts_of(connection, investor(0), PageOf(1))
    return encode_id("Account", found.items[0].id) if found.items else ""
