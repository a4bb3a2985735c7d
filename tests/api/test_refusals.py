"""Requests that can't be done: each gets a typed error that says what is wrong, and nothing at all has changed."""

from typing import Any
from uuid import UUID

import pytest

from resolvers.ids import encode_id
from tests.api.operations import CANCEL, DEPOSIT, OPEN_ACCOUNT, PLACE, PREVIEW, WITHDRAW, money
from tests.api.site import Client, Json
from tests.api.situation import Situation

pytestmark = pytest.mark.asyncio(loop_scope="module")

HUGE = "9" * 40
MALFORMED_IDS = {
    "empty": "",
    "no base64": "%%%",
    "not of ours": "bm90aGluZw",
    "a UUID": "0194f3a0-7e3c-7000-8000-000000000000",
    "no UUID inside": encode_id("Account", "7"),
    "padded": encode_id("Account", UUID(int=7)) + "=",
    "endless": "QQ" * 5_000,
}
MALFORMED_KEYS = {"empty": "", "a word": "again", "too short": "0" * 31, "too long": "0" * 37, "no hex": "g" * 32}

#: What is asked, besides the defaults below; the error's code and path.
SIZES: dict[str, tuple[Json, str, list[str]]] = {
    "zero dollars": ({"amount": money("0")}, "SIZE_NOT_POSITIVE", ["amount"]),
    "minus zero": ({"amount": money("-0.00")}, "SIZE_NOT_POSITIVE", ["amount"]),
    "negative dollars": ({"amount": money("-10.00")}, "SIZE_NOT_POSITIVE", ["amount"]),
    "a hugely negative amount": ({"amount": money("-" + HUGE[1:])}, "SIZE_NOT_POSITIVE", ["amount"]),
    "zero shares": ({"amount": None, "quantity": "0"}, "SIZE_NOT_POSITIVE", ["quantity"]),
    "negative shares": ({"amount": None, "quantity": "-1"}, "SIZE_NOT_POSITIVE", ["quantity"]),
    "nine decimals of dollars": ({"amount": money("10.123456789")}, "SIZE_TOO_PRECISE", ["amount"]),
    "nine decimals of shares": ({"amount": None, "quantity": "1.123456789"}, "SIZE_TOO_PRECISE", ["quantity"]),
    "a part of a cent": ({"amount": money("10.005")}, "SIZE_TOO_PRECISE", ["amount"]),
    "dollars below the minimum": ({"amount": money("4.99")}, "SIZE_BELOW_MINIMUM", ["amount"]),
    "shares below the minimum": ({"amount": None, "quantity": "0.0499"}, "SIZE_BELOW_MINIMUM", ["quantity"]),
    "far too many dollars": ({"amount": money(HUGE)}, "SIZE_TOO_LARGE", ["amount"]),
    "a cent too many": ({"amount": money("50000000.01")}, "SIZE_TOO_LARGE", ["amount"]),
    "far too many shares": ({"amount": None, "quantity": HUGE}, "SIZE_TOO_LARGE", ["quantity"]),
    "shares worth too much": ({"amount": None, "quantity": "500000"}, "SIZE_TOO_LARGE", ["quantity"]),
    "no size": ({"amount": None}, "SIZE_REQUIRED", ["amount"]),
    "two sizes": ({"quantity": "1"}, "SIZE_REQUIRED", ["amount"]),
    "three sizes": ({"side": "SELL", "quantity": "1", "all": True}, "SIZE_REQUIRED", ["amount"]),
    "all of a buy": ({"amount": None, "all": True}, "SIZE_REQUIRED", ["amount"]),
    "an unknown symbol": ({"symbol": "NOPE"}, "INSTRUMENT_UNKNOWN", ["symbol"]),
    "no symbol": ({"symbol": ""}, "INSTRUMENT_UNKNOWN", ["symbol"]),
    "an endless symbol": ({"symbol": "A" * 9_000}, "INSTRUMENT_UNKNOWN", ["symbol"]),
    "an index": ({"symbol": "SPX"}, "INSTRUMENT_NOT_TRADABLE", ["symbol"]),
    "an instrument without a price": ({"symbol": "RRC"}, "QUOTE_UNAVAILABLE", ["symbol"]),
    "another user's account": ({"accountId": "bobs"}, "NOT_FOUND", ["accountId"]),
    "another tenant's account": ({"accountId": "elsewhere"}, "NOT_FOUND", ["accountId"]),
    "an account that is not there": ({"accountId": "nowhere"}, "NOT_FOUND", ["accountId"]),
    "the id of an order": ({"accountId": "open"}, "ID_INVALID", ["accountId"]),
    **{
        f"a malformed id: {name}": ({"accountId": id_}, "ID_INVALID", ["accountId"])
        for name, id_ in MALFORMED_IDS.items()
    },
}
HOLDINGS: dict[str, tuple[Json, str, list[str]]] = {
    "not enough cash": ({"amount": money("10000.00")}, "INSUFFICIENT_FUNDS", []),
    "not enough cash for these shares": ({"amount": None, "quantity": "100"}, "INSUFFICIENT_FUNDS", []),
    "not enough shares": ({"side": "SELL", "amount": None, "quantity": "1.5"}, "INSUFFICIENT_SHARES", []),
    "not so much worth of shares": ({"side": "SELL", "amount": money("500.00")}, "INSUFFICIENT_SHARES", []),
    "none of these shares": (
        {"side": "SELL", "symbol": "KO", "amount": None, "quantity": "1"},
        "INSUFFICIENT_SHARES",
        [],
    ),
    "all of nothing": (
        {"side": "SELL", "symbol": "KO", "amount": None, "all": True},
        "INSUFFICIENT_SHARES",
        ["symbol"],
    ),
    "a closed account": ({"accountId": "closed"}, "ACCOUNT_CLOSED", ["accountId"]),
    "all of a closed account": (
        {"accountId": "closed", "side": "SELL", "amount": None, "all": True},
        "ACCOUNT_CLOSED",
        ["accountId"],
    ),
}
AMOUNTS: dict[str, tuple[Json, str, list[str]]] = {
    "zero": ({"amount": money("0.00")}, "AMOUNT_NOT_POSITIVE", ["amount"]),
    "negative": ({"amount": money("-1.00")}, "AMOUNT_NOT_POSITIVE", ["amount"]),
    "a part of a cent": ({"amount": money("1.005")}, "AMOUNT_NOT_WHOLE_CENTS", ["amount"]),
    "nine decimals": ({"amount": money("1.000000001")}, "AMOUNT_NOT_WHOLE_CENTS", ["amount"]),
    "far too much": ({"amount": money(HUGE)}, "AMOUNT_TOO_LARGE", ["amount"]),
    "far too little": ({"amount": money("-" + HUGE[1:])}, "AMOUNT_NOT_POSITIVE", ["amount"]),
    "a cent too much": ({"amount": money("10000000.01")}, "AMOUNT_TOO_LARGE", ["amount"]),
    "another user's account": ({"accountId": "bobs"}, "NOT_FOUND", ["accountId"]),
    "another tenant's account": ({"accountId": "elsewhere"}, "NOT_FOUND", ["accountId"]),
    "a closed account": ({"accountId": "closed"}, "ACCOUNT_CLOSED", ["accountId"]),
    "the id of an order": ({"accountId": "open"}, "ID_INVALID", ["accountId"]),
    **{
        f"a malformed id: {name}": ({"accountId": id_}, "ID_INVALID", ["accountId"])
        for name, id_ in MALFORMED_IDS.items()
    },
}
ORDERS: dict[str, tuple[str, str]] = {
    "another user's order": ("bobs order", "NOT_FOUND"),
    "an order that is not there": ("no order", "NOT_FOUND"),
    "an order that is filled": ("filled", "ALREADY_FINAL"),
    "the id of an account": ("mine", "ID_INVALID"),
    **{f"a malformed id: {name}": (id_, "ID_INVALID") for name, id_ in MALFORMED_IDS.items()},
}
NAMES = {"empty": "", "blank": "   ", "too long": "a" * 61, "a control character": "a\tb", "a null": "a\0b"}


def an_order(situation: Situation, changed: Json) -> Json:
    asked = {"accountId": "mine", "symbol": "AAPL", "side": "BUY", "amount": money("10.00"), **changed}
    return {**asked, "accountId": situation.id(asked["accountId"])}


async def refused(
    situation: Situation, client: Client, query: str, code: str, path: list[str], **variables: Any
) -> None:
    """The request gets exactly this error, and every row is as it was."""
    before = await situation.site.world.everything()
    payload = await client.do(query, **variables)
    assert await situation.site.world.everything() == before
    [error] = payload.pop("errors")
    assert (error["code"], error["path"]) == (code, path)
    assert 20 < len(error["message"]) < 300
    assert error["message"].endswith(".")
    assert all(found is None for found in payload.values())


@pytest.mark.parametrize("case", [*SIZES, *HOLDINGS])
async def test_orders(situation: Situation, case: str) -> None:
    changed, code, path = (SIZES | HOLDINGS)[case]
    await refused(situation, situation.ann, PLACE, code, path, input=an_order(situation, changed))


@pytest.mark.parametrize("case", [*SIZES, "a closed account"])
async def test_previews(situation: Situation, case: str) -> None:
    """A preview is refused as the order would be, but for what is available: that it says itself."""
    changed, code, path = (SIZES | HOLDINGS)[case]
    before = await situation.site.world.everything()
    payload = await situation.ann.ask(PREVIEW, input=an_order(situation, changed))
    assert await situation.site.world.everything() == before
    [error] = payload["previewOrder"]["errors"]
    assert (payload["previewOrder"]["preview"], error["code"], error["path"]) == (None, code, path)


@pytest.mark.parametrize("query", [DEPOSIT, WITHDRAW], ids=["deposit", "withdraw"])
@pytest.mark.parametrize("case", AMOUNTS)
async def test_movements_of_cash(situation: Situation, query: str, case: str) -> None:
    changed, code, path = AMOUNTS[case]
    asked = {"accountId": "mine", "amount": money("1.00"), **changed}
    asked["accountId"] = situation.id(asked["accountId"])
    await refused(situation, situation.ann, query, code, path, input=asked)


async def test_more_than_is_settled_cannot_be_withdrawn(situation: Situation) -> None:
    """There is more buying power than that: what the sale brought has not settled, and the open order holds some."""
    asked = {"accountId": situation.id("mine"), "amount": money("800.00")}
    await refused(situation, situation.ann, WITHDRAW, "INSUFFICIENT_FUNDS", ["amount"], input=asked)


@pytest.mark.parametrize("case", ORDERS)
async def test_cancels(situation: Situation, case: str) -> None:
    order, code = ORDERS[case]
    await refused(situation, situation.ann, CANCEL, code, ["orderId"], orderId=situation.id(order))


@pytest.mark.parametrize("case", NAMES)
async def test_names_of_accounts(situation: Situation, case: str) -> None:
    await refused(situation, situation.ann, OPEN_ACCOUNT, "NAME_INVALID", ["name"], name=NAMES[case])


@pytest.mark.parametrize("case", MALFORMED_KEYS)
@pytest.mark.parametrize(
    "query", [PLACE, DEPOSIT, WITHDRAW, CANCEL, OPEN_ACCOUNT], ids=["place", "deposit", "withdraw", "cancel", "open"]
)
async def test_malformed_keys(situation: Situation, query: str, case: str) -> None:
    variables = a_request(situation, query)
    path = ["idempotencyKey"]
    await refused(
        situation, situation.ann, query, "IDEMPOTENCY_KEY_INVALID", path, **variables, key=MALFORMED_KEYS[case]
    )


@pytest.mark.parametrize("query", [PLACE, DEPOSIT, WITHDRAW, CANCEL], ids=["place", "deposit", "withdraw", "cancel"])
@pytest.mark.parametrize("who", ["reader", "operator"])
async def test_who_may_see_but_not_do(situation: Situation, who: str, query: str) -> None:
    """A token for reading, and an operator: both see the account."""
    client: Client = getattr(situation, who)
    path = ["orderId" if query is CANCEL else "accountId"]
    await refused(situation, client, query, "FORBIDDEN", path, **a_request(situation, query))


@pytest.mark.parametrize("query", [PLACE, DEPOSIT, WITHDRAW, CANCEL], ids=["place", "deposit", "withdraw", "cancel"])
async def test_what_a_token_may_not_see_is_not_there_for_it(situation: Situation, query: str) -> None:
    """A token for trading only can't find out whether an account exists."""
    path = ["orderId" if query is CANCEL else "accountId"]
    await refused(situation, situation.trader, query, "NOT_FOUND", path, **a_request(situation, query))


@pytest.mark.parametrize("who", ["reader", "operator"])
async def test_who_may_not_open_an_account(situation: Situation, who: str) -> None:
    client: Client = getattr(situation, who)
    await refused(situation, client, OPEN_ACCOUNT, "FORBIDDEN", [], name="Rainy days")


def a_request(situation: Situation, query: str) -> Json:
    """Something that Ann could do."""
    if query == PLACE:
        return {"input": an_order(situation, {})}
    if query == CANCEL:
        return {"orderId": situation.id("open")}
    if query == OPEN_ACCOUNT:
        return {"name": "Rainy days"}
    return {"input": {"accountId": situation.id("mine"), "amount": money("1.00")}}
