"""The customer reserve, as operators see it."""

from typing import Any

import strawberry

from app.accounting import reserve
from resolvers import accounting as resolve
from resolvers.desk import Desk
from resolvers.ids import encode_cursor
from schema.money import Money, dollars
from schema.relay import Info


@strawberry.type(description="A line of the customer reserve formula.")
class CustomerReserveLine:
    number: str = strawberry.field(description="Its number in Exhibit A.")
    title: str = strawberry.field(description="Its title.")
    debit: bool = strawberry.field(description="Whether it counts among the debits.")
    amount: Money | None = strawberry.field(
        resolver=lambda root: dollars(root.amount), description="How much; null if the line does not apply."
    )
    note: str = strawberry.field(description="What it is made of here, or why it does not apply.")


def _reserve(name: str) -> Any:
    def figure(root: strawberry.Parent[reserve.CustomerReserve]) -> Any:
        return dollars(getattr(root, name))

    return figure


def _reserve_cursor(root: strawberry.Parent[reserve.CustomerReserve]) -> str:
    return encode_cursor(root.position)


@strawberry.type(
    description="What must stand in the bank account for the benefit of customers, by the formula of SEC Rule 15c3-3a "
    "as far as cash accounts fill it in: a figure to watch, not a filing."
)
class CustomerReserve:
    cursor: str = strawberry.field(resolver=_reserve_cursor, description="The last entry that it covers.")
    lines: list[CustomerReserveLine] = strawberry.field(description="Every line of Exhibit A.")
    credits: Money = strawberry.field(resolver=_reserve("credits"), description="All credits.")
    debits: Money = strawberry.field(resolver=_reserve("debits"), description="All debits.")
    required: Money = strawberry.field(resolver=_reserve("required"), description="Credits less debits; at least zero.")
    deposited: Money = strawberry.field(resolver=_reserve("deposited"), description="What stands in the account.")
    excess: Money = strawberry.field(
        resolver=_reserve("excess"), description="What stands there more than required; below zero: deposit so much."
    )


async def customer_reserve(root: strawberry.Parent[Desk], info: Info) -> Any:
    """The customer reserve."""
    return await resolve.reserve(info.context, root)
