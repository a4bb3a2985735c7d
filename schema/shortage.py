"""By how much a refused request fell short, and which orders hold the difference."""

from typing import Any

import strawberry

from app.kernel import errors
from app.orders import types as orders
from resolvers import shortages as resolve
from schema.orders import Order
from schema.relay import Info
from schema.scalars import Decimal

Shortage_ = strawberry.Parent[errors.Shortage]


def _asset(root: Shortage_, info: Info) -> Any:
    return resolve.asset(info.context, root)


def _missing(root: Shortage_) -> Any:
    return root.needed - root.available


async def _holds(root: Shortage_, info: Info) -> Any:
    return await resolve.holds(info.context, root)


def _order(root: strawberry.Parent[orders.Order]) -> Any:
    return root


@strawberry.type(description="What stands behind an open order.")
class Hold:
    order: Order = strawberry.field(resolver=_order, description="The order.")
    held: Decimal = strawberry.field(description="How much: dollars behind a buy, shares behind a sell.")


@strawberry.type(description="By how much a request fell short.")
class Shortage:
    asset: str = strawberry.field(resolver=_asset, description="Of what: USD, or an instrument's symbol.")
    needed: Decimal = strawberry.field(description="How much the request needed.")
    available: Decimal = strawberry.field(description="How much there was that it could have.")
    missing: Decimal = strawberry.field(resolver=_missing, description="The difference.")
    holds: list[Hold] = strawberry.field(
        resolver=_holds, description="The open orders that hold some of it, oldest first: the first 100."
    )
