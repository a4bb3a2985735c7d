"""The custodian's and the bank's file: what is written is read again, and what is wrong is named."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounting.compare import compare
from app.accounting.statement import KEPT_ELSEWHERE, read_statement, written
from app.kernel.errors import Refusal
from app.kernel.money import UNIT
from app.ledger.chart import USD, Kind

AT = datetime(2026, 11, 25, 21, tzinfo=UTC)
CODES = {"USD": 1, "AAPL": 2, "KO": 3}
NAMES = {id_: code for code, id_ in CODES.items()}
HEADER = "as_of,account,asset,balance"
MOMENT = AT.isoformat()

PLACES = st.sampled_from(
    [(Kind.CUSTODIAN, 1), (Kind.CUSTODIAN, 2), (Kind.CUSTODIAN, 3), (Kind.FBO, 1), (Kind.FIRM_BANK, 1)]
)
BALANCES = st.dictionaries(PLACES, st.integers(-(10**20), 10**20), min_size=1)


@given(balances=BALANCES)
def test_what_is_written_is_read(balances: dict[tuple[Kind, int], int]) -> None:
    found = read_statement(written(AT, balances, NAMES), "test", CODES)
    assert (found.as_of, dict(found.balances), set(found.accounts)) == (AT, balances, {kind for kind, _ in balances})
    assert compare(balances, found) == (len(balances), [])


@given(ours=BALANCES, theirs=BALANCES)
def test_every_difference_is_found(ours: dict[tuple[Kind, int], int], theirs: dict[tuple[Kind, int], int]) -> None:
    nothing = {(kind, USD): 0 for kind in KEPT_ELSEWHERE}
    _, breaks = compare(ours, read_statement(written(AT, nothing | theirs, NAMES), "test", CODES))
    mended = dict(ours)
    for each in breaks:
        assert each.difference != 0
        mended[each.account, each.asset] = mended.get((each.account, each.asset), 0) + each.difference
    assert {place: units for place, units in mended.items() if units} == {
        place: units for place, units in theirs.items() if units
    }


def test_a_file_as_a_bank_may_write_it() -> None:
    text = f'{HEADER}\r\n\r\n{MOMENT}, FBO , USD,"1000.5"\r\n{MOMENT},FIRM_BANK,USD,-3\r\n'
    found = read_statement(text, "test", CODES)
    assert found.balances == {(Kind.FBO, USD): 1000 * UNIT + UNIT // 2, (Kind.FIRM_BANK, USD): -3 * UNIT}


WRONG = {
    "": "first line must be",
    "account,asset,balance\n": "first line must be",
    HEADER: "no line but its header",
    f"{HEADER}\n{MOMENT},FBO,USD": "Line 2: it has 3 columns instead of 4",
    f"{HEADER}\nyesterday,FBO,USD,1": "Line 2: 'yesterday' is no time",
    f"{HEADER}\n2026-11-25T21:00:00,FBO,USD,1": "lacks its offset",
    f"{HEADER}\n{MOMENT},VAULT,USD,1": "'VAULT' is none of CUSTODIAN",
    f"{HEADER}\n{MOMENT},SETTLED,USD,1": "is none of CUSTODIAN",
    f"{HEADER}\n{MOMENT},CUSTODIAN,NOPE,1": "'NOPE' is no asset of ours",
    f"{HEADER}\n{MOMENT},FBO,AAPL,1": "a bank keeps dollars",
    f"{HEADER}\n{MOMENT},FBO,USD,1e5": "not a plain decimal",
    f"{HEADER}\n{MOMENT},FBO,USD,NaN": "not a plain decimal",
    f"{HEADER}\n{MOMENT},FBO,USD,": "not a plain decimal",
    f"{HEADER}\n{MOMENT},FBO,USD,0.000000001": "more than 8 decimals",
    f"{HEADER}\n{MOMENT},FBO,USD,{'9' * 30}": "too large",
    f"{HEADER}\n{MOMENT},FBO,USD,1\n{MOMENT},FBO,USD,1": "Line 3: FBO USD has a line already",
    f"{HEADER}\n{MOMENT},FBO,USD,1\n2026-11-24T21:00:00+00:00,FIRM_BANK,USD,1": "Line 3: 2026-11-24",
    f'{HEADER}\n{MOMENT},FBO,USD,"1': "Line 2: unexpected end of data",
    f"{HEADER}\n" + "\n" * 50_001 + f"{MOMENT},FBO,USD,1": "more than 50,000 lines",
    "x" * 5_000_001: "5,000,001 characters",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(text: str) -> None:
    with pytest.raises(Refusal, match=r"^[A-Z].*[.]$") as refused:
        read_statement(text, "test", CODES)
    assert WRONG[text] in refused.value.message
    assert refused.value.path == ("file",)


@given(text=st.text(max_size=200))
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    for attempt in (text, f"{HEADER}\n{text}", f"{HEADER}\n{MOMENT},FBO,{text},1"):
        with contextlib.suppress(Refusal):
            read_statement(attempt, "test", CODES)
