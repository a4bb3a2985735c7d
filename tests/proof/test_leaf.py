"""An entry's text: one form, whatever is in the entry."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.proof.leaf import Times, canonical, leaf, time_text
from tests.ledger.books import NOON

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.integers(-(10**30), 10**30)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def plainly(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_data_is_written_as_json_dumps_writes_it(data: dict[str, Any]) -> None:
    assert canonical(json.dumps(data)).decode() == plainly(data)
    assert canonical(plainly(data)) == canonical(json.dumps(data, ensure_ascii=False, indent=1))


LONG = "12345678901234567890.123456789012345678901"


@pytest.mark.parametrize("number", ["1.0", "1.10", "-0.00000001", LONG, "1" * 40])
@pytest.mark.parametrize("form", ['{{"x":{}}}', '{{"x":[{}]}}', '{{"x":{{"y":{}}}}}'])
def test_every_digit_of_a_number_counts(number: str, form: str) -> None:
    assert canonical(form.format(number)).decode() == form.format(number)


def test_a_leaf_is_all_of_the_entry() -> None:
    cause, correlation = UUID(int=1), UUID(int=2)
    row = (7, 12, 3, "DEPOSIT", 1, "investor:é", str(cause), str(correlation), NOON, NOON, '{"b": 2, "a": "1.50"}',
           '[1,2,"3.00000000"],[4,5,"0.00000001"]')  # fmt: skip
    text = leaf(9, row, Times()).decode()
    found = {
        "journal": 9,
        "position": 7,
        "book": 12,
        "sequence": 3,
        "type": "DEPOSIT",
        "version": 1,
        "actor": "investor:é",
        "cause": str(cause),
        "correlation": str(correlation),
        "recorded_at": "2026-11-25T12:00:00.000000Z",
        "effective_at": "2026-11-25T12:00:00.000000Z",
        "data": {"a": "1.50", "b": 2},
        "transfers": [[1, 2, "3.00000000"], [4, 5, "0.00000001"]],
    }
    assert text == plainly(found)
    bare = leaf(9, (*row[:6], None, None, *row[8:10], "{}", None), Times()).decode()
    assert bare == plainly(found | {"cause": None, "correlation": None, "data": {}, "transfers": []})


def test_times_are_utc_with_all_decimals() -> None:
    assert time_text(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-25T12:00:00.000000Z"
    times = Times()
    for number in (0, 0, 1, 1, 0):
        time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)
        assert times.text(0, time) == time_text(time) == f"2026-01-01T00:00:00.00000{number}Z"
        assert times.text(1, NOON) == time_text(NOON)
