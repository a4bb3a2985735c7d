"""Input that is not what the schema says, and ids and cursors that nobody was given: told clearly, never a fault."""

import base64
from typing import Any
from uuid import UUID

import pytest

from app.kernel.ids import new_id
from resolvers.ids import encode_id
from tests.api.operations import ORDER_EVENTS, PLACE, money
from tests.api.situation import Situation

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_DECIMALS = [
    "",
    " ",
    "abc",
    "1e5",
    "1,000",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    " 5",
    "٣",
    "--5",
    ".-5",
    "5-",
    "1.2.3",
]
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
ACTIVITY = """
query ($id: ID!, $after: String) {
  node(id: $id) { ... on Account { activity(first: 5, after: $after) { edges { cursor } } } }
}"""
ORDERS = ACTIVITY.replace("activity(", "orders(")
POSITIONS = ACTIVITY.replace("activity(", "positions(")
INSTRUMENTS = "query ($after: String) { instruments(first: 5, after: $after) { edges { cursor } } }"
BARS = """
query ($after: String) { instrument(symbol: "AAPL") { bars(first: 5, after: $after) { edges { cursor } } } }"""
LISTS = {
    "activity": ACTIVITY,
    "orders": ORDERS,
    "positions": POSITIONS,
    "instruments": INSTRUMENTS,
    "bars": BARS,
}


def cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


CURSORS = {
    "empty": "",
    "no base64": "%%%",
    "a word": cursor("x"),
    "a sign": cursor("-"),
    "a huge number": cursor("9" * 100),
    "2⁶³": cursor(f"{2**63}"),
    "a null": cursor("0.A\0"),
    "a number and text": cursor(f"{2**31}.A"),
    "a day": cursor("2026-01-01"),
    "a time without its zone": cursor("2026-01-01T00:00:00"),
    "before all time": cursor("0001-01-01T00:00:00+14:00"),
    "endless": "QQ" * 500,
}
NOTHING = {
    "empty": "",
    "no base64": "%%%",
    "an unknown type": encode_id("Nothing", "7"),
    "an account of no UUID": encode_id("Account", "7"),
    "no order": encode_id("Order", UUID(int=7)),
    "no instrument": encode_id("Instrument", "999999"),
    "a huge instrument": encode_id("Instrument", "9" * 100),
    "a negative instrument": encode_id("Instrument", "-1"),
    "half an entry": encode_id("JournalEntry", "1"),
    "no entry": encode_id("JournalEntry", "1.99999"),
    "an entry of journal 2³¹": encode_id("JournalEntry", f"{2**31}.1"),
    "an entry at 2⁶³": encode_id("JournalEntry", f"1.{2**63}"),
    "a huge entry": encode_id("JournalEntry", f"-1.{'9' * 90}"),
}


@pytest.mark.parametrize("value", [*NO_DECIMALS, 10, 10.5, True, {}], ids=str)
@pytest.mark.parametrize("written", ["in a variable", "in the document"])
async def test_what_is_no_decimal_is_told_so(situation: Situation, value: Any, written: str) -> None:
    before = await situation.site.world.everything()
    order = {"accountId": situation.id("mine"), "symbol": "AAPL", "side": "BUY"}
    if written == "in a variable":
        answer = await situation.ann.answer(PLACE, input={**order, "amount": {"amount": value}}, key=str(new_id()))
    else:
        literal = f'"{value}"' if isinstance(value, str) else str(value).lower()
        answer = await situation.ann.answer(
            f'mutation {{ placeOrder(idempotencyKey: "{new_id()}", input: {{ accountId: "{order["accountId"]}",'
            f' symbol: "AAPL", side: BUY, amount: {{ amount: {literal} }} }}) {{ order {{ id }} }} }}'
        )
    assert await situation.site.world.everything() == before
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert 'A Decimal is a string such as "10.50"' in error["message"]
    assert "decimal." not in error["message"]
    assert "data" not in answer


@pytest.mark.parametrize(
    "changed",
    [{"amount": {"amount": "10.00", "currency": "EUR"}}, {"side": "HOLD"}, {"side": None}, {"colour": "red"}],
    ids=["another currency", "no side", "a null side", "an unknown field"],
)
async def test_what_the_schema_has_not(situation: Situation, changed: dict[str, Any]) -> None:
    order = {"accountId": situation.id("mine"), "symbol": "AAPL", "side": "BUY", "amount": money("10.00")}
    answer = await situation.ann.answer(PLACE, input={**order, **changed}, key=str(new_id()))
    [error] = answer["errors"]
    assert (error["extensions"]["code"], "data" in answer) == ("BAD_REQUEST", False)


@pytest.mark.parametrize("case", NOTHING)
async def test_what_cannot_be_is_null_and_its_neighbours_are_there(situation: Situation, case: str) -> None:
    id_ = NOTHING[case]
    mine = situation.id("mine")
    entry = await an_entry(situation)
    data = await situation.ann.ask(NODES, ids=[mine, id_, entry])
    assert data["nodes"] == [{"id": mine}, None, {"id": entry}]


async def an_entry(situation: Situation) -> str:
    query = "query ($id: ID!) { node(id: $id) { ... on Account { activity(first: 1) { edges { node { id } } } } } }"
    data = await situation.ann.ask(query, id=situation.id("mine"))
    id_: str = data["node"]["activity"]["edges"][0]["node"]["id"]
    return id_


async def test_others_things_are_null(situation: Situation) -> None:
    data = await situation.ann.ask(NODES, ids=[situation.id(name) for name in ("bobs", "elsewhere", "bobs order")])
    assert data["nodes"] == [None, None, None]


async def test_a_hundred_nodes_and_no_more(situation: Situation) -> None:
    mine = situation.id("mine")
    assert len((await situation.ann.ask(NODES, ids=[mine] * 100))["nodes"]) == 100
    [error] = (await situation.ann.answer(NODES, ids=[mine] * 101))["errors"]
    assert error["extensions"] == {"code": "TOO_MANY", "path": ["ids"]}


@pytest.mark.parametrize("case", CURSORS)
@pytest.mark.parametrize("of", LISTS)
async def test_cursors_of_nobody_are_refused_or_find_something(situation: Situation, of: str, case: str) -> None:
    answer = await situation.ann.answer(LISTS[of], id=situation.id("mine"), after=CURSORS[case])
    for error in answer.get("errors", []):
        assert error["extensions"] == {"code": "PAGE_INVALID", "path": ["after"]}


@pytest.mark.parametrize("case", ["empty", "no base64", "a word", "a number and text", "a huge number", "2⁶³"])
async def test_cursors_of_nobody_are_refused_by_a_subscription(situation: Situation, case: str) -> None:
    variables = {"accountId": situation.id("mine"), "after": CURSORS[case]}
    async with situation.site.subscribed(situation.ann.user_id, ORDER_EVENTS, **variables) as events:
        error = await events.refused()
    assert error["extensions"] == {"code": "PAGE_INVALID", "path": ["after"]}


@pytest.mark.parametrize(
    ("account", "code"), [("bobs", "NOT_FOUND"), ("elsewhere", "NOT_FOUND"), ("open", "ID_INVALID")]
)
async def test_others_orders_cannot_be_followed(situation: Situation, account: str, code: str) -> None:
    variables = {"accountId": situation.id(account)}
    async with situation.site.subscribed(situation.ann.user_id, ORDER_EVENTS, **variables) as events:
        error = await events.refused()
    assert error["extensions"] == {"code": code, "path": ["accountId"]}


@pytest.mark.parametrize("text", ["", "\0", "'", "'':*", "& | !", "\\", "a" * 64, "🍎", "%_"])
async def test_any_text_may_be_searched_for(situation: Situation, text: str) -> None:
    query = "query ($text: String!) { instruments(search: $text, first: 5) { edges { node { symbol } } } }"
    await situation.ann.ask(query, text=text)
