"""Enums of app in the schema, with a description of every value: app itself knows nothing of GraphQL."""

from collections.abc import Mapping
from enum import EnumMeta

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def describe(enum: EnumMeta, name: str, description: str, values: Mapping[str, str]) -> None:
    """Make it an enum of the schema. Raises ``KeyError`` for a value without a description."""
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
