"""Scalars and how they travel."""

from decimal import Decimal as PythonDecimal
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.kernel.money import parse, to_text

Decimal = NewType("Decimal", PythonDecimal)
"""A decimal number: comes in as ``decimal.Decimal``, goes out from units of 1e-8."""


def _serialize(units: int) -> str:
    return to_text(units)


def _parse(value: object) -> PythonDecimal:
    if not isinstance(value, str):
        raise GraphQLError(f'A Decimal is a string such as "10.50", got {value!r}.')
    try:
        return parse(value)
    except ValueError as error:
        raise GraphQLError(f'A Decimal is a string such as "10.50": {error}.') from None


DECIMAL: ScalarDefinition = strawberry.scalar(
    name="Decimal",
    description='An exact decimal number as a string, such as "10.50" or "0.30769231", with 8 decimals at most. '
    "Never a float.",
    serialize=_serialize,
    parse_value=_parse,
)
