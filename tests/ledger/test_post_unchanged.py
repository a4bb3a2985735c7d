"""``ledger.post`` as it was first written, and as it is now: the same batches, the same answers, the same rows."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.database import EngineConnection
from app.kernel.ids import new_id
from app.kernel.money import MAX_UNITS
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import USD, BookKind, Kind
from tests.ledger.books import NOON

_FIRST = (Path(__file__).parents[2] / "migrations/sql/0001_ledger.sql").read_text()
_KINDS = (Kind.SETTLED, Kind.UNSETTLED, Kind.HELD, Kind.RECEIVABLE, Kind.POSITION)
_PEOPLE = 5

#: Arguments from p_book on.
Call = tuple[list[Any], ...]


def first_post() -> str:
    """The former function's definition, under another name."""
    found = re.search(r"CREATE FUNCTION ledger\.post\(.*?END \$\$;", _FIRST, re.DOTALL)
    assert found is not None
    return "SET ROLE ledger_owner; " + found[0].replace("ledger.post(", "ledger.first_post(", 1) + " RESET ROLE;"


class Twins:
    """Two journals of the same customers; book and account numbers of the second are the first's plus a distance."""

    def __init__(self, connection: EngineConnection) -> None:
        self.connection = connection
        self.journals: list[int] = []
        self.books: list[list[int]] = []

    async def open(self) -> None:
        """Books: the outside world's, the house's, some customers' (the last one closed) and one of nobody."""
        strangers = await open_tenant(self.connection, f"tenant {new_id()}", NOON)
        for _ in range(2):
            journal = await open_tenant(self.connection, f"tenant {new_id()}", NOON)
            people = await open_books(
                self.connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(_PEOPLE)]
            )
            await self.connection.execute("SELECT ledger.close_book($1, $2)", journal.id, people[-1])
            self.journals.append(journal.id)
            self.books.append([journal.outside, journal.house, *people, strangers.outside, 2**38 - 1, 0])

    async def post(self, twin: int, call: Call) -> Any:
        """The answer, or the error with the numbers taken out of it."""
        function = ("ledger.post", "ledger.first_post")[twin]
        books, *details = call
        event, debit, credit, amount, up_to = details[-5:]
        try:
            async with self.connection.transaction():
                row = await self.connection.fetchrow(
                    f"SELECT * FROM {function}($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
                    *(self.journals[twin], NOON, [self.books[twin][book] for book in books]),
                    *details[:-5],
                    *(event, self._accounts(twin, debit), self._accounts(twin, credit), amount, up_to),
                )
        except asyncpg.PostgresError as error:
            return type(error).__name__, re.sub(r"\d+", "n", str(error))
        assert row is not None
        answer = dict(row)
        answer["refused_accounts"] = [self._told(twin, each) for each in answer["refused_accounts"]]
        return answer

    async def rows(self, twin: int) -> list[Any]:
        """All that the journal holds, in terms of the books' places."""
        found: list[Any] = []
        for query in (
            "SELECT position FROM ledger.journal_head WHERE journal_id = $1",
            "SELECT id AS book, sequence, closed FROM ledger.book WHERE journal_id = $1 ORDER BY id",
            "SELECT id AS account, asset_id, kind, balance, sequence, may_be_negative FROM ledger.account"
            " WHERE journal_id = $1 ORDER BY id",
            "SELECT position, book_id AS book, sequence, type, version, actor, cause, correlation, recorded_at,"
            " effective_at, data FROM ledger.event WHERE journal_id = $1 ORDER BY 1",
            "SELECT position, leg, debit_account_id AS account, debit_sequence, debit_balance,"
            " credit_account_id AS other, credit_sequence, credit_balance, amount FROM ledger.transfer"
            " WHERE journal_id = $1 ORDER BY 1, 2",
        ):
            for row in await self.connection.fetch(query, self.journals[twin]):
                named = dict(row)
                for column in ("account", "other"):
                    if column in named:
                        named[column] = self._told(twin, named[column])
                if "book" in named:
                    named["book"] = self.books[twin].index(named["book"])
                found.append(named)
        return found

    def _accounts(self, twin: int, named: Sequence[tuple[int, int, int]]) -> list[int]:
        return [self.books[twin][book] << 25 | asset << 5 | kind for book, asset, kind in named]

    def _told(self, twin: int, account: int | None) -> Any:
        if account is None:
            return None
        return self.books[twin].index(account >> 25), account & (2**25 - 1)


def a_call(random: Random, events: int, legs: int, mistakes: float) -> Call:
    """Entries as ``post`` hands them over, most of them sensible."""
    books = [random.randrange(2, 2 + _PEOPLE) for _ in range(events)]
    rows: list[tuple[int, Any, Any, int, bool]] = []
    for number in range(1, events + 1):
        for _ in range(random.randint(0, legs)):
            debit, credit = _account(random, USD), _account(random, USD)
            if random.random() < 0.3:
                debit = (0, USD, Kind.FBO.value)
            if random.random() < 0.2:
                debit, credit = (0, 2, Kind.STREET.value), (random.randrange(2, 2 + _PEOPLE), 2, Kind.POSITION.value)
            amount = random.choice((0, random.randint(0, 10), random.randint(0, 10**9)))
            if debit == credit and random.random() > mistakes:
                credit = (0, USD, Kind.ACH.value)
            rows.append((number, debit, credit, amount, random.random() < 0.4))
    if events and random.random() < mistakes:
        _spoil(random, books, rows)
    return (
        books,
        ["TEST"] * events,
        [1] * events,
        ["test"] * events,
        [None] * events,
        [new_id() for _ in range(events)],
        [NOON] * events,
        ['{"a": 1}'] * events,
        *(list(column) for column in (zip(*rows, strict=True) if rows else ([], [], [], [], []))),
    )


def _account(random: Random, asset: int) -> tuple[int, int, int]:
    return random.randrange(2, 2 + _PEOPLE), asset, random.choice(_KINDS[:4]).value


def _spoil(random: Random, books: list[int], rows: list[tuple[int, Any, Any, int, bool]]) -> None:
    """Something that can only be a mistake."""
    if not rows or random.random() < 0.2:
        books[random.randrange(len(books))] = random.randrange(7, 10)
        return
    place = random.randrange(len(rows))
    event, debit, credit, amount, up_to = rows[place]
    stranger = (random.choice((2, 7, 8, 9)), random.choice((1, 2, 2**20 - 1)), random.randrange(32))
    rows[place] = random.choice(
        (
            (event, stranger, credit, amount, up_to),
            (event, debit, stranger, amount, up_to),
            (event, debit, debit, amount, up_to),
            (event, debit, credit, -amount - 1, up_to),
            (event, debit, credit, MAX_UNITS, up_to),
            (event + random.choice((-1, 1, 5)), debit, credit, amount, up_to),
        )
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), sizes=st.lists(st.integers(0, 12), min_size=1, max_size=6), wrong=st.booleans())
def test_it_answers_and_writes_what_it_always_did(database_url: str, seed: int, sizes: list[int], wrong: bool) -> None:
    random = Random(seed)
    calls = [a_call(random, size, 5, 0.4 if wrong else 0.0) for size in sizes]
    asyncio.run(_agree(database_url, calls))


@pytest.mark.parametrize("seed", range(4))
def test_it_does_so_with_large_batches_too(database_url: str, seed: int) -> None:
    random = Random(seed)
    asyncio.run(_agree(database_url, [a_call(random, size, 4, 0.0) for size in (1, 1_000, 3, 700)]))


async def _agree(url: str, calls: Sequence[Call]) -> None:
    owner = await asyncpg.connect(url)
    try:
        if await owner.fetchval("SELECT to_regproc('ledger.first_post')") is None:
            await owner.execute(first_post())
        await owner.execute("INSERT INTO ledger.asset VALUES (2, 'AAPL', 'instrument') ON CONFLICT DO NOTHING")
        twins = Twins(owner)
        await twins.open()
        for call in calls:
            now, before = [await twins.post(twin, call) for twin in (0, 1)]
            assert now == before
        assert await twins.rows(0) == await twins.rows(1)
    finally:
        await owner.close()
