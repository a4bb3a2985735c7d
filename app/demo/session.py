"""``GET /demo/session``: working tokens and example operations. It exists in the demo only."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.demo.sandbox import investor, investor_token, operator_token
from app.identity.tokens import LocalKey

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

PLACE = """# Put the id of your account (from the first tab) in, and a fresh UUID as the key.
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

FOLLOW = """# Fills as they happen, over a WebSocket. Put the id of your account in.
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


def session_route(tokens: LocalKey, tenant_id: UUID) -> Route:
    """The route; it hands out fresh tokens of the sandbox to whoever asks."""

    async def session(_: Request) -> Response:
        variables = {"account": "", "key": ""}
        examples = [
            {"name": "Me", "query": VIEWER, "variables": {}},
            {"name": "Journal", "query": JOURNAL, "variables": {}},
            {"name": "Buy", "query": PLACE, "variables": variables},
            {"name": "Fills", "query": FOLLOW, "variables": {"account": ""}},
            {"name": "Market", "query": MARKET, "variables": {}},
        ]
        body = {
            "operatorToken": operator_token(tokens, tenant_id),
            "investorToken": investor_token(tokens, tenant_id, investor(0)),
            "examples": examples,
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return Route("/demo/session", session)
