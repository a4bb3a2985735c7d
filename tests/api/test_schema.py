"""The schema as it is printed: committed, described, and with a member for every error that can happen."""

from enum import StrEnum
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

import schema as schema_room
from app.accounting.errors import JournalError, ReconcileError
from app.banking.types import CashError
from app.cases.errors import CaseError
from app.cases.restart_audit import RestartAuditError
from app.clients.close import CloseAccountError
from app.clients.open import OpenAccountError
from app.corporate_actions.errors import AnnounceError, CancelActionError
from app.ledger.idempotency import IdempotencyError
from app.orders.errors import CancelOrderError, PlaceOrderError, ReplaceOrderError
from app.orders.operate import OperateError as OrdersOperateError
from app.risk.errors import EndRuleError, ReleaseError, RiskError, SetRuleError
from resolvers.requests import RequestError
from schema.schema import schema

PRINTED = schema.as_str()
TYPES: dict[str, GraphQLNamedType] = {
    name: found
    for name, found in build_schema(PRINTED).type_map.items()
    if not is_introspection_type(found) and not is_specified_scalar_type(found)
}

#: By enum of error codes: the enums of the use cases and checks that may refuse there.
CODES: dict[str, list[type[StrEnum]]] = {
    "PlaceOrderErrorCode": [PlaceOrderError, RiskError, RequestError, IdempotencyError],
    "ReplaceOrderErrorCode": [ReplaceOrderError, PlaceOrderError, RiskError, RequestError, IdempotencyError],
    "CancelOrderErrorCode": [CancelOrderError, RequestError, IdempotencyError],
    "OperateErrorCode": [OrdersOperateError, RequestError, IdempotencyError],
    "OpenAccountErrorCode": [OpenAccountError, RequestError, IdempotencyError],
    "CloseAccountErrorCode": [CloseAccountError, RequestError, IdempotencyError],
    "CashErrorCode": [CashError, RequestError, IdempotencyError],
    "SetRiskRuleErrorCode": [SetRuleError, RequestError, IdempotencyError],
    "EndRiskRuleErrorCode": [EndRuleError, RequestError, IdempotencyError],
    "ReleaseKillSwitchErrorCode": [ReleaseError, RequestError, IdempotencyError],
    "ManualJournalErrorCode": [JournalError, RequestError, IdempotencyError],
    "ReconcileErrorCode": [ReconcileError, RequestError, IdempotencyError],
    "AnnounceCorporateActionErrorCode": [AnnounceError, RequestError, IdempotencyError],
    "CancelCorporateActionErrorCode": [CancelActionError, RequestError, IdempotencyError],
    "CaseErrorCode": [CaseError, RequestError, IdempotencyError],
    "RestartAuditErrorCode": [RestartAuditError, RequestError, IdempotencyError],
}
#: What belongs to one thing and can't grow without it: no pages needed.
BOUNDED = {
    "Shortage.holds",
    "CustomerReserve.lines",
    "DailyClose.custody",
    "DailyClose.totals",
    "ConsistencyProof.path",
    "Desk.custody",
    "EntryProof.auditPath",
    "JournalEntry.transfers",
    "ManualJournal.lines",
    "MarketOrder.executions",
    "Order.executions",
    "OrderPreview.refusals",
    "OrderPreview.warnings",
    "Query.checkpointKeys",
    "Query.nodes",
    "Reconciliation.breaks",
    "TrialBalance.rows",
    "TrialBalance.totals",
    "Viewer.roles",
}


def places(found: GraphQLNamedType) -> dict[str, str | None]:
    """Everything of a type that should have a description, with the one that it has."""
    described = {found.name: found.description}
    if isinstance(found, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in found.fields.items():
            described[f"{found.name}.{name}"] = field.description
            for argument, value in field.args.items():
                described[f"{found.name}.{name}({argument}:)"] = value.description
    elif isinstance(found, GraphQLInputObjectType):
        described |= {f"{found.name}.{name}": field.description for name, field in found.fields.items()}
    elif isinstance(found, GraphQLEnumType):
        described |= {f"{found.name}.{name}": value.description for name, value in found.values.items()}
    return described


def values_of(enum: str) -> set[str]:
    found = TYPES[enum]
    assert isinstance(found, GraphQLEnumType)
    return set(found.values)


def test_the_committed_schema_is_the_one_that_is_printed() -> None:
    committed = Path(schema_room.__file__).with_name("schema.graphql").read_text()
    assert committed.rstrip("\n") == PRINTED.rstrip("\n")


def test_everything_has_a_description() -> None:
    described = {place: text for found in TYPES.values() for place, text in places(found).items()}
    assert len(described) > 300
    assert [place for place, text in described.items() if not text] == []


@pytest.mark.parametrize("enum", CODES)
def test_every_refusal_has_a_code_in_the_schema_and_no_code_is_idle(enum: str) -> None:
    """Beside the refusals there is a full queue, and a connection that breaks during COMMIT."""
    refusals = {code.value for source in CODES[enum] for code in source}
    assert values_of(enum) == refusals | {"OVERLOADED", "OUTCOME_UNKNOWN"}


def test_amounts_are_decimals_and_nothing_is_a_float() -> None:
    assert isinstance(TYPES["Decimal"], GraphQLScalarType)
    for found in TYPES.values():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            assert all(get_named_type(field.type).name != "Float" for field in found.fields.values())


def test_every_mutation_that_changes_something_takes_an_idempotency_key() -> None:
    mutation = TYPES["Mutation"]
    assert isinstance(mutation, GraphQLObjectType)
    assert [name for name, field in mutation.fields.items() if "idempotencyKey" not in field.args] == ["previewOrder"]


def test_every_list_that_can_grow_is_a_connection_with_its_four_arguments() -> None:
    lists = set()
    for found in TYPES.values():
        if not isinstance(found, GraphQLObjectType) or found.name.endswith(("Payload", "Error", "Connection")):
            continue
        for name, field in found.fields.items():
            kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if isinstance(kind, GraphQLList):
                lists.add(f"{found.name}.{name}")
            if get_named_type(field.type).name.endswith("Connection"):
                assert {"first", "after", "last", "before"} <= set(field.args)
    assert lists == BOUNDED
