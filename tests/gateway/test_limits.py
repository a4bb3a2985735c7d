"""What a document may cost, and that finding out costs little."""

import pytest
from graphql import GraphQLError, get_introspection_query, parse

from app.gateway.limits import Limits, check

SMALL = Limits(depth=3, root_fields=2, aliases=2, fields=6)


def _refusal(query: str, limits: Limits = SMALL) -> str:
    with pytest.raises(GraphQLError) as refusal:
        check(parse(query), limits)
    return refusal.value.message


@pytest.mark.parametrize(
    "query",
    [
        "{ a { b { c } } }",
        "{ a b }",
        "{ x: a { y: b } }",
        "{ a { b c d } e }",
        "query One { a b } query Two { a b }",
        "{ ...F } fragment F on Query { a { ... { b { ... on T { c } } } } }",
    ],
)
def test_what_just_fits_is_allowed(query: str) -> None:
    check(parse(query), SMALL)


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("{ a { b { c { d } } } }", "3 levels of fields"),
        ("{ a { ...F } } fragment F on T { b { c { d } } }", "3 levels of fields"),
        ("{ a { ... on T { b { ...F } } } } fragment F on T { c { d } }", "3 levels of fields"),
        ("{ a b c }", "2 root fields"),
        ("{ a ...F } fragment F on Query { b c }", "2 root fields"),
        ("query One { a } query Two { a b c }", "2 root fields"),
        ("{ x: a { y: b z: c } }", "2 aliases"),
        ("{ a { ...F } b { ...F } } fragment F on T { x: c y: d }", "2 aliases"),
        ("{ a { b c d e f g } }", "6 fields"),
        ("{ a { ...F } b { ...F } } fragment F on T { c d e }", "6 fields"),
        ("{ a } fragment Unused on T { b { c { d { e } } } }", "3 levels of fields"),
        ("mutation { a { b { c { d } } } }", "3 levels of fields"),
    ],
)
def test_what_is_over_a_limit_is_refused(query: str, what: str) -> None:
    assert f"more than {what}" in _refusal(query)


def test_a_cycle_is_refused() -> None:
    assert _refusal("{ ...A } fragment A on T { a { ...B } } fragment B on T { ...A }") == (
        "The fragment 'A' contains itself."
    )
    assert _refusal("{ a } fragment A on T { ...A }") == "The fragment 'A' contains itself."


def test_two_fragments_of_one_name_are_refused() -> None:
    # Otherwise one of them could be measured and the other one executed.
    assert "only one fragment named 'A'" in _refusal("{ ...A } fragment A on T { a } fragment A on T { b c }")


def test_an_unknown_fragment_is_left_to_validation() -> None:
    check(parse("{ ...Missing }"), SMALL)


def test_doubled_fragments_are_measured_once_each() -> None:
    # Followed one by one, the leaf would be reached 2⁶⁰ times, and this test would not end.
    levels = "".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }} " for n in range(50))
    query = f"{{ ...F0 }} {levels} fragment F50 on T {{ a }}"
    assert "more than 2 root fields" in _refusal(query)
    assert "more than 500 fields" in _refusal(query.replace("{ ...F0 }", "{ a { ...F0 } }"), Limits())


def test_nesting_without_fields_ends_too() -> None:
    chain = "".join(f"fragment F{n} on T {{ ...F{n + 1} }} " for n in range(100))
    assert "nests more than" in _refusal(f"{{ ...F0 }} {chain} fragment F100 on T {{ a }}")
    assert "nests more than" in _refusal("{" + "... {" * 100 + "a" + "}" * 101)


def test_the_introspection_of_tools_is_allowed() -> None:
    query = get_introspection_query(specified_by_url=True, directive_is_repeatable=True, schema_description=True)
    check(parse(query, max_lexical_tokens=Limits().tokens), Limits())
