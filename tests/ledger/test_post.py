"""The function that writes the ledger, against a model of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from app.kernel.money import UNIT, to_units
from app.ledger.chart import USD, Kind, address
from app.ledger.types import Leg, Posted, RefusalReason, Refused
from tests.ledger.books import Books, books
from tests.ledger.model import LedgerModel

T = TypeVar("T")
CUSTOMER = (Kind.SETTLED, Kind.UNSETTLED, Kind.HELD, Kind.RECEIVABLE)
Draft = tuple[int, int, int, bool]
SIDES = st.integers(0, 3 * len(CUSTOMER))
DRAFTS = st.tuples(SIDES, SIDES, st.integers(0, 10), st.booleans()).filter(lambda draft: draft[0] != draft[1])
BATCHES = st.lists(st.lists(st.lists(DRAFTS, max_size=4), min_size=1, max_size=6), min_size=1, max_size=6)


def account(found: Books, number: int) -> int:
    """The outside world's bank for 0, then the customers' accounts."""
    if number == 0:
        return address(found.journal.outside, USD, Kind.FBO)
    book, kind = divmod(number - 1, len(CUSTOMER))
    return address(found.customers[book], USD, CUSTOMER[kind])


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end: hypothesis calls from outside any loop."""
    return asyncio.run(work)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_any_batch_does_what_the_model_does(database_url: str, batches: list[list[list[Draft]]]) -> None:
    async def check() -> bool:
        async with books(database_url) as found:
            model = LedgerModel()
            for batch in batches:
                entries = [[Leg(account(found, d), account(found, c), n, up) for d, c, n, up in legs] for legs in batch]
                expected = [model.post(legs) for legs in entries]
                verdicts = await found.post(*entries)
                assert [list(v.taken) if isinstance(v, Posted) else None for v in verdicts] == expected
                await agree(found, model)
            return True

    assert run(check()) is True


async def agree(found: Books, model: LedgerModel) -> None:
    journal = found.journal.id
    rows = await found.connection.fetch(
        "SELECT id, balance, sequence FROM ledger.account WHERE journal_id = $1", journal
    )
    stand = {row["id"]: (to_units(row["balance"]), row["sequence"]) for row in rows}
    assert stand == {id_: (model.balances[id_], sequence) for id_, sequence in model.sequences.items() if sequence}
    entries = await found.connection.fetch(_ENTRIES, journal)
    assert len(entries) == sum(model.sequences.values())
    running: dict[int, int] = {}
    for account_id, sequence, balance, change in entries:
        running[account_id] = running.get(account_id, 0) + to_units(change)
        assert (to_units(balance)) == running[account_id]
        assert sequence <= model.sequences[account_id]
    positions = await found.connection.fetch(
        "SELECT position FROM ledger.event WHERE journal_id = $1 ORDER BY 1", journal
    )
    assert [row["position"] for row in positions] == list(range(1, len(positions) + 1))
    head = await found.connection.fetchval("SELECT position FROM ledger.journal_head WHERE journal_id = $1", journal)
    assert head == len(positions)


_ENTRIES = """
SELECT account, sequence, balance, change FROM (
  SELECT debit_account_id AS account, debit_sequence AS sequence, debit_balance AS balance, -amount AS change
  FROM ledger.transfer WHERE journal_id = $1
  UNION ALL SELECT credit_account_id, credit_sequence, credit_balance, amount FROM ledger.transfer WHERE journal_id = $1
) entries ORDER BY account, sequence
"""


@pytest.mark.asyncio
async def test_a_refusal_says_what_is_missing_and_leaves_its_neighbours_alone(database_url: str) -> None:
    async with books(database_url) as found:
        bank, settled, held = (account(found, number) for number in (0, 1, 3))
        verdicts = await found.post(
            [Leg(bank, settled, 5 * UNIT)],
            [Leg(settled, held, 3 * UNIT), Leg(settled, held, 3 * UNIT)],
            [Leg(settled, held, 4 * UNIT)],
        )
        assert isinstance(verdicts[0], Posted)
        assert verdicts[1] == Refused(RefusalReason.INSUFFICIENT, settled, 3 * UNIT, UNIT)
        assert isinstance(verdicts[2], Posted)
        assert (verdicts[0].position, verdicts[2].position) == (1, 2)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("debit", "credit", "amount", "wrong"),
    [
        ((0, USD, Kind.SETTLED), (0, USD, Kind.SETTLED), 1, "not two accounts"),
        ((0, USD, Kind.SETTLED), (0, 2, Kind.POSITION), 1, "not two accounts of the same asset"),
        ((0, USD, Kind.CASH), (0, USD, Kind.SETTLED), 1, "is none of journal"),
        ((99, USD, Kind.SETTLED), (0, USD, Kind.SETTLED), 1, "is none of journal"),
        ((0, 999_999, Kind.POSITION), (1, 999_999, Kind.POSITION), 1, "is none of journal"),
    ],
)
async def test_what_can_only_be_a_mistake_of_ours_raises(
    database_url: str, debit: tuple[int, int, Kind], credit: tuple[int, int, Kind], amount: int, wrong: str
) -> None:
    async with books(database_url) as found:

        def at(place: tuple[int, int, Kind]) -> int:
            book = found.customers[place[0]] if place[0] < 3 else 10**9
            return address(book, place[1], place[2])

        with pytest.raises(asyncpg.RaiseError, match=wrong):
            await found.post([Leg(at(debit), at(credit), amount)])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({4: "[0:1]={{{0},{1}}}"}, "counted from 1"),
        ({5: "[0:2]={{{2},{3},{4}}}"}, "counted from 1"),
        ({4: "{{{1},{0}}}"}, "ascending"),
        ({4: "{{{0},{0}}}"}, "once each"),
        ({5: "{{{3},{2}}}"}, "ascending"),
        ({5: "{{{2},{2},{3}}}"}, "once each"),
        ({5: "{{{2},{3},NULL}}"}, "is none of journal"),
        ({2: None}, "times"),
        ({3: None}, "times"),
    ],
)
async def test_a_writer_of_another_make_can_not_shift_places_nor_stop_the_clock(
    database_url: str, changed: dict[int, str | None], wrong: str
) -> None:
    """An array may begin anywhere: a leg would then be posted to one account with the balance of its neighbour."""
    async with books(database_url) as found:
        await found.post([Leg(account(found, 0), account(found, 1), 5)])
        places = [*found.customers[:2], *(account(found, number) for number in (0, 1, 5))]
        asked: list[str | None] = ["2026-11-25T12:00Z", "2026-11-25T12:00Z", "{{{0}}}", "{{{2},{3}}}"]
        given = [changed.get(number, usual) for number, usual in enumerate(asked, 2)]
        with pytest.raises(asyncpg.RaiseError, match=wrong):
            await found.connection.execute(
                "SELECT ledger.post($1, $2::text::timestamptz, $3::text::timestamptz, $4::text::bigint[],"
                " $5::text::bigint[], '{1}', '{DEPOSIT}', NULL, '{test}', NULL, NULL, NULL, NULL,"
                " '{1}', '{1}', '{2}', '{1}', NULL)",
                found.journal.id,
                *(each and each.format(*places) for each in given),
            )


@pytest.mark.asyncio
async def test_an_amount_is_never_negative_nor_too_large(database_url: str) -> None:
    async with books(database_url) as found:
        for amount in (-1, 2**63):
            with pytest.raises(ValueError, match="amount"):
                await found.post([Leg(account(found, 0), account(found, 1), amount)])


@pytest.mark.asyncio
async def test_another_tenants_books_can_not_be_posted_to(database_url: str) -> None:
    async with books(database_url) as ours, books(database_url) as theirs:
        for _ in ("never moved", "moved"):
            with pytest.raises(asyncpg.RaiseError, match="is none of journal"):
                await ours.post([Leg(account(ours, 0), account(theirs, 1), 1)])
            await theirs.post([Leg(address(theirs.journal.outside, USD, Kind.FBO), account(theirs, 1), 1)])
        with pytest.raises(asyncpg.RaiseError, match="not in journal"):
            await ours.post([], book=theirs.customers[0])


@pytest.mark.asyncio
async def test_balances_may_pass_what_64_bits_hold(database_url: str) -> None:
    async with books(database_url) as found:
        largest = 2**63 - 1
        await found.post(*[[Leg(account(found, 0), account(found, 1), largest)] for _ in range(4)])
        balance = await found.connection.fetchval("SELECT balance FROM ledger.account WHERE id = $1", account(found, 1))
        assert to_units(balance) == 4 * largest
