"""From a query's text to an operation."""

import pytest
from graphql import OperationType

from app.gateway.documents import Documents
from app.gateway.errors import RequestError
from app.gateway.limits import Limits
from tests.gateway.small import schema


@pytest.fixture
def documents() -> Documents:
    return Documents(schema, Limits())


def _refusal(documents: Documents, query: str, name: str | None = None) -> str:
    with pytest.raises(RequestError) as refusal:
        documents.prepare(query, name)
    assert all(error["extensions"] == {"code": "BAD_REQUEST"} for error in refusal.value.payload)
    return refusal.value.errors[0].message


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("{ hello }", OperationType.QUERY),
        ('mutation { keep(word: "it") }', OperationType.MUTATION),
        ("subscription { count(to: 1) }", OperationType.SUBSCRIPTION),
    ],
)
def test_it_says_what_kind_of_operation_it_is(documents: Documents, query: str, kind: OperationType) -> None:
    prepared = documents.prepare(query)
    assert prepared.kind is kind
    assert prepared.name is None


def test_the_operation_is_chosen_by_its_name(documents: Documents) -> None:
    query = 'query One { hello } mutation Two { keep(word: "it") }'
    assert documents.prepare(query, "One").kind is OperationType.QUERY
    assert documents.prepare(query, "Two").kind is OperationType.MUTATION
    assert "operationName must say which" in _refusal(documents, query)
    assert "no operation named 'Three'" in _refusal(documents, query, "Three")
    assert "no operation named 'Three'" in _refusal(documents, "{ hello }", "Three")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "Unexpected <EOF>"),
        ("{ hello", "Expected Name, found <EOF>"),
        ("{ helo }", "Did you mean 'hello'?"),
        ("{ hello { length } }", "must not have a selection"),
        ("query ($x: Int) { hello }", "never used"),
        ("fragment F on Query { hello }", "'F' is never used"),
        ("{ hello @defer }", "Unknown directive '@defer'"),
        ("{ ...F } fragment F on Query { ...F }", "contains itself"),
        ("type Query { a: Int }", "not executable"),
    ],
)
def test_what_is_wrong_is_said(documents: Documents, query: str, message: str) -> None:
    assert message in _refusal(documents, query)


def test_long_documents_are_refused_before_they_are_parsed(documents: Documents) -> None:
    assert "more than 20000 bytes" in _refusal(documents, "{ hello }" + "é" * 10_000)
    assert "more than 2000 tokens" in _refusal(documents, "{ " + "a " * 2_000)
    assert "comments" in _refusal(documents, "#\n" * 3_000 + "{ hello }")


def test_errors_are_few_and_short(documents: Documents) -> None:
    with pytest.raises(RequestError) as refusal:
        documents.prepare("{ tree { " + "x " * 400 + "} }")
    assert len(refusal.value.errors) <= 21
    long = "1 " * 900
    assert len(_refusal(documents, f"{{ hello(name: [{long}]) }}")) < 600


def test_valid_documents_are_remembered(documents: Documents) -> None:
    first = documents.prepare("{ hello }")
    assert documents.prepare("{ hello }").document is first.document
    assert documents.prepare("{ hello  }").document is not first.document
    _refusal(documents, "{ helo }")
    assert len(documents) == 2


def test_the_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    documents = Documents(schema, Limits(), cache_bytes=100)
    kept, dropped = '{ hello(name: "a") }', '{ hello(name: "b") }'
    first = documents.prepare(kept)
    documents.prepare(dropped)
    for number in range(50):
        documents.prepare(f'{{ hello(name: "{number}") }}')
        assert documents.prepare(kept).document is first.document
    assert len(documents) <= 5
    documents.prepare("{ hello" + " " * 200 + "}")
    assert len(documents) == 0
