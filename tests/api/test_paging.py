"""Pages: of every list, forward and backward, each item comes once and in order."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from app.accounting.business_days import ends_at
from app.accounting.close_day import CloseDay, close_days
from app.accounting.decide import Decide, approve
from app.accounting.propose import ProposeJournal, propose_journals
from app.accounting.types import Line
from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.cases.work import Note, note
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind
from app.ledger.types import Entry
from app.orders.stop import set_rules
from app.risk.check import SetRule
from app.risk.types import RuleKind
from resolvers.ids import encode_id
from tests.accounting.keeping import Keeping
from tests.api.operations import money, opened, placed
from tests.api.site import Client
from tests.api.situation import Situation

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "first: $first, after: $after, last: $last, before: $before"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
EDGES = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


def of_account(field: str, edges: str = EDGES) -> str:
    of = f"... on Account {{ page: {field}({PAGE}) {{ {edges} }} }}"
    return f"query ($id: ID!, {VARIABLES}) {{ node(id: $id) {{ {of} }} }}"


LISTS = {
    "orders": of_account("orders"),
    "activity": of_account("activity"),
    "positions": of_account("positions", EDGES.replace("node { id }", "node { instrument { symbol } }")),
    "accounts": f"query ({VARIABLES}) {{ viewer {{ page: accounts({PAGE}) {{ {EDGES} }} }} }}",
    "instruments": f'query ({VARIABLES}) {{ page: instruments(search: "", {PAGE}) {{ {EDGES} }} }}',
    "instruments of a name": f'query ({VARIABLES}) {{ page: instruments(search: "co", {PAGE}) {{ {EDGES} }} }}',
    "bars": f"""
query ({VARIABLES}) {{ instrument(symbol: "AAPL") {{ page: bars({PAGE}) {{ {EDGES.replace("id", "time")} }} }} }}""",
    "marketOrders": f"query ({VARIABLES}) {{ desk {{ page: marketOrders({PAGE}) {{ {EDGES} }} }} }}",
    "riskRules": f"query ({VARIABLES}) {{ desk {{ page: riskRules({PAGE}) {{ {EDGES} }} }} }}",
    "cases": f"query ({VARIABLES}) {{ desk {{ page: cases({PAGE}) {{ {EDGES} }} }} }}",
    "cases that are open": f"query ({VARIABLES}) {{ desk {{ page: cases(status: OPEN, {PAGE}) {{ {EDGES} }} }} }}",
    "closes": f"query ({VARIABLES}) {{ desk {{ page: closes({PAGE}) {{ {EDGES} }} }} }}",
    "changes of a close": f"""
query ($close: ID!, {VARIABLES}) {{ node(id: $close) {{ ... on DailyClose {{
  page: changes({PAGE}) {{ {EDGES} }}
}} }} }}""",
    "manualJournals": f"query ({VARIABLES}) {{ desk {{ page: manualJournals({PAGE}) {{ {EDGES} }} }} }}",
    "reconciliations": f"query ({VARIABLES}) {{ desk {{ page: reconciliations({PAGE}) {{ {EDGES} }} }} }}",
    "entries of a case": f"""
query ($case: ID!, {VARIABLES}) {{ node(id: $case) {{ ... on Case {{
  page: entries({PAGE}) {{ {EDGES.replace("id", "note")} }}
}} }} }}""",
}
#: What only operators see.
OPERATORS = {
    "marketOrders",
    "riskRules",
    "cases",
    "cases that are open",
    "entries of a case",
    "closes",
    "changes of a close",
    "manualJournals",
    "reconciliations",
}
RESTATED = """
query ($id: ID!, %s) { node(id: $id) { ... on Account {
  restated(effectiveAt: "2026-11-26T00:00:00Z", knownAt: "2026-11-25T00:00:00Z") { page: %s }
} } }"""
LISTS |= {
    "restated entries": RESTATED % (VARIABLES, f"entries({PAGE}) {{ {EDGES} }}"),
    "restated positions": RESTATED
    % (VARIABLES, f"positions({PAGE}) {{ {EDGES.replace('node { id }', 'node { instrument { symbol } }')} }}"),
}
SYMBOLS = ("AAPL", "KO", "MSFT", "PEP", "XOM", "BTC", "ETH")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(situation: Situation) -> str:
    """Ann's account, with seven orders, positions and bars more; five more accounts; seven rules, and as many cases,
    one of which has a history."""
    site, ann = situation.site, situation.ann
    for symbol in SYMBOLS:
        await placed(ann, situation.id("mine"), "BUY", symbol, amount=money("5.00"))
        await site.world.pass_time(300)
    for _ in range(5):
        await opened(ann)
    await rules_and_cases(situation)
    await books(situation)
    bars = [
        (
            site.world.instrument("AAPL").id,
            "1d",
            datetime(2026, 11, 24, 21, tzinfo=UTC) - timedelta(days=day),
            Decimal(100 + day),
            "simulated",
        )
        for day in range(-2, 10)
    ]
    async with site.world.pool.acquire() as connection:
        columns = ("instrument_id", "interval", "time", "close", "source")
        await connection.copy_records_to_table("bar", columns=columns, records=bars)
    return situation.id("mine")


async def rules_and_cases(situation: Situation) -> None:
    commits = situation.site.world.commits
    case = new_id()
    for number in range(7):
        limit = SetRule(RuleKind.MAX_ORDER_VALUE, "A test", "test", (1_000 + number) * UNIT)
        await commits.submit(set_rules, limit)
        subject = Subject(SubjectType.ORDER, new_id())
        command = OpenCase(CaseKind.VENUE_ORDER_UNCLEAR, subject, f"Number {number}", "test")
        case = await commits.submit(open_cases, command)
    situation.ids["case"] = encode_id("Case", case)
    for number in range(6):
        await commits.submit(note, Note(case, f"note {number}", "test"))


async def books(situation: Situation) -> None:
    """Eight closes, the last of which what follows changed; six journals by hand, and as many reconciliations."""
    world = situation.site.world
    keeping, day = Keeping(world), date(2026, 11, 16)
    for number in range(7):
        on = day + timedelta(days=number)
        await world.commits.submit(close_days, CloseDay(on, ends_at(on), await keeping.books(0)))
        lines = [Line(Kind.CASH, Kind.FIRM_BANK, USD, UNIT)]
        id_ = await world.commits.submit(propose_journals, ProposeJournal(lines, "A test", "ann"))
        await world.commits.submit(approve, Decide(id_, "bob"))
        await keeping.reconcile()
    on = world.market.today()
    made = await world.commits.submit(close_days, CloseDay(on, ends_at(on), await keeping.books()))
    assert made is not None
    situation.ids["close"] = encode_id("DailyClose", made.id)

    async def post_late(batch: Batch, commands: Sequence[int]) -> list[int]:
        at = batch.effective_at - timedelta(hours=1)
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", at)
        await batch.post_facts([Entry(event)] * 7)
        return list(commands)

    await world.commits.submit(post_late, 1)


def named(situation: Situation) -> dict[str, str]:
    return {name: situation.id(name) for name in ("case", "close")}


async def page(situation: Situation, account: str, of: str, **asked: Any) -> Any:
    client: Client = situation.operator if of in OPERATORS else situation.ann
    found: Any = await client.ask(LISTS[of], id=account, **named(situation), **asked)
    while "page" not in found:
        [found] = found.values()
    return found["page"]


@pytest.mark.parametrize("size", [2])
@pytest.mark.parametrize("of", LISTS)
async def test_each_item_comes_once_and_in_order(situation: Situation, account: str, of: str, size: int) -> None:
    whole = await page(situation, account, of, first=100)
    edges = whole["edges"]
    assert len(edges) >= 6
    assert len({edge["cursor"] for edge in edges}) == len(edges)
    assert whole["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": edges[0]["cursor"],
        "endCursor": edges[-1]["cursor"],
    }

    forward: list[Any] = []
    found: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while found["pageInfo"]["hasNextPage"]:
        found = await page(situation, account, of, first=size, after=found["pageInfo"]["endCursor"])
        assert found["pageInfo"]["hasPreviousPage"] is bool(forward)
        forward += found["edges"]
        assert len(found["edges"]) == size or not found["pageInfo"]["hasNextPage"]
    assert forward == edges

    backward: list[Any] = []
    found = {"pageInfo": {"hasPreviousPage": True, "startCursor": None}}
    while found["pageInfo"]["hasPreviousPage"]:
        found = await page(situation, account, of, last=size, before=found["pageInfo"]["startCursor"])
        assert found["pageInfo"]["hasNextPage"] is bool(backward)
        backward = found["edges"] + backward
    assert backward == edges


@pytest.mark.parametrize("of", LISTS)
async def test_a_page_between_two_cursors(situation: Situation, account: str, of: str) -> None:
    edges = (await page(situation, account, of, first=100))["edges"]
    between = {"after": edges[0]["cursor"], "before": edges[4]["cursor"]}
    assert (await page(situation, account, of, first=2, **between))["edges"] == edges[1:3]
    assert (await page(situation, account, of, last=2, **between))["edges"] == edges[2:4]
    assert (await page(situation, account, of, first=9, **between))["edges"] == edges[1:4]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"first": 1, "last": 1}, "first"),
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"first": -1}, "first"),
        ({"last": 0}, "last"),
        ({"last": 101}, "last"),
    ],
    ids=str,
)
async def test_one_to_a_hundred_from_one_end(
    situation: Situation, account: str, asked: dict[str, int], path: str
) -> None:
    [error] = (await situation.ann.answer(LISTS["orders"], id=account, **asked))["errors"]
    assert error["extensions"] == {"code": "PAGE_INVALID", "path": [path]}


@pytest.mark.parametrize("of", LISTS)
async def test_how_many_must_be_said(situation: Situation, account: str, of: str) -> None:
    client = situation.operator if of in OPERATORS else situation.ann
    for asked in ({}, {"first": 101}):
        [error] = (await client.answer(LISTS[of], id=account, **named(situation), **asked))["errors"]
        assert error["extensions"] == {"code": "PAGE_INVALID", "path": ["first"]}


async def test_bars_of_the_future_are_not_told(situation: Situation, account: str) -> None:
    edges = (await page(situation, account, "bars", first=100))["edges"]
    assert edges[0]["node"]["time"] == "2026-11-24T21:00:00+00:00"
    assert len(edges) == 10
