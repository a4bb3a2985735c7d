"""Amounts with their currency."""

from enum import Enum
from typing import Any

import strawberry

from schema.scalars import Decimal


@strawberry.enum(description="A currency by its ISO 4217 code.")
class Currency(Enum):
    USD = strawberry.enum_value("USD", description="United States dollar.")


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(description="How much.")
    currency: Currency = strawberry.field(description="Of which currency.")


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(description="How much, in whole cents.")
    currency: Currency = strawberry.field(default=Currency.USD, description="Of which currency.")


def dollars(units: int | None) -> Any:
    """Units of 1e-8 as money; None stays None."""
    return None if units is None else Money(amount=units, currency=Currency.USD)  # type: ignore[arg-type]
