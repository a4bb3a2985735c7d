"""Operations executed: what resolvers see, what the client is told, and that contexts are always closed."""

import asyncio
import gc
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.gateway.documents import Documents
from app.gateway.errors import RequestError
from app.gateway.execution import execute, subscribe
from app.gateway.limits import Limits
from app.kernel.principal import Principal
from tests.gateway.site import NOON, TENANT, USER
from tests.gateway.small import Laboratory, SmallContext, collect, schema

pytestmark = pytest.mark.asyncio

SOON = 0.05


@pytest.fixture
def context() -> SmallContext:
    principal = Principal(TENANT, USER, frozenset(), frozenset(), NOON + timedelta(hours=1))
    return SmallContext(Laboratory(), principal, one_moment=True)


async def _execute(
    context: SmallContext, query: str, variables: dict[str, Any] | None = None, seconds: float = 10
) -> dict[str, Any]:
    prepared = Documents(schema, Limits()).prepare(query)
    return await execute(schema, prepared, variables, context, timeout=seconds)


async def _subscribe(
    context: SmallContext, query: str, variables: dict[str, Any] | None = None, seconds: float = 10
) -> list[dict[str, Any]]:
    prepared = Documents(schema, Limits()).prepare(query)
    return await collect(subscribe(schema, prepared, variables, context, timeout=seconds))


async def test_scalars_enums_and_inputs_are_what_strawberry_makes_of_them(context: SmallContext) -> None:
    query = """query ($amount: Money!, $side: Side!) {
        literal: double(size: {side: SELL, amount: "1.25"})
        variable: double(size: {side: $side, amount: $amount, notes: "one"})
        otherSide(side: $side)
    }"""
    answer = await _execute(context, query, {"amount": "2", "side": "BUY"})
    assert answer == {"data": {"literal": "-2.50", "variable": "4.00", "otherSide": "SELL"}}
    assert context.closed == 1


async def test_info_is_what_strawberry_makes_of_it(context: SmallContext) -> None:
    answer = await _execute(context, "query Named($flag: Boolean!) { me seen(flag: $flag) }", {"flag": True})
    assert answer == {"data": {"me": str(USER), "seen": ["{'flag': True}", "{'flag': True}", "Named"]}}


async def test_an_answer_without_waiting_is_one_too(context: SmallContext) -> None:
    assert await _execute(context, "{ hello __typename }") == {"data": {"hello": "hello you", "__typename": "Query"}}
    assert context.closed == 1


@pytest.mark.parametrize(
    ("field", "message", "extensions"),
    [
        ("denied", "You may not do this (VIEW_DESK); ask for the role or scope that it needs.", {"code": "FORBIDDEN"}),
        ("refused", "There is no such account.", {"code": "NOT_FOUND", "path": ["accountId"]}),
        ("overloaded", "20 commands are waiting already; try again in a moment", {"code": "OVERLOADED"}),
        (
            "unknown",
            "the connection broke during COMMIT; ask again with the same key",
            {"code": "OUTCOME_UNKNOWN"},
        ),
    ],
)
async def test_errors_of_ours_keep_their_message(
    context: SmallContext, field: str, message: str, extensions: dict[str, Any]
) -> None:
    with capture_logs() as logs:
        answer = await _execute(context, f"{{ hello {field} }}")
    assert answer["data"] == {"hello": "hello you", field: None}
    [error] = answer["errors"]
    assert error == {
        "message": message,
        "locations": [{"line": 1, "column": 9}],
        "path": [field],
        "extensions": extensions,
    }
    assert logs == []
    assert context.closed == 1


@pytest.mark.parametrize("field", ["broken(word: $word)", "brokenEntirely(word: $word)", "unmoney(word: $word)"])
async def test_faults_are_logged_and_masked(context: SmallContext, field: str) -> None:
    name = field.partition("(")[0]
    arguments = "(word: $word)" if name == "broken" else ""
    query = f"query ($word: String!) {{ hello(name: $word) {name}{arguments} }}"
    with capture_logs() as logs:
        answer = await _execute(context, query, {"word": "hunter2"})
    [error] = answer["errors"]
    [logged] = logs
    assert error["message"] == f"Something went wrong on our side; quote reference {logged['reference']}."
    assert error["extensions"] == {"code": "INTERNAL"}
    assert error["path"] == [name]
    assert "secret" not in str(answer)
    assert "secret" in str(logged["exc_info"])
    assert logged["path"] == [name]
    assert answer["data"] == (None if name == "brokenEntirely" else {"hello": "hello hunter2", name: None})


async def test_references_differ(context: SmallContext) -> None:
    with capture_logs() as logs:
        await _execute(context, "{ one: broken two: broken }")
    assert len({entry["reference"] for entry in logs}) == 2


async def test_variables_that_do_not_fit_are_a_request_error(context: SmallContext) -> None:
    with pytest.raises(RequestError) as refusal:
        await _execute(context, "query ($a: Money!) { double(size: {side: BUY, amount: $a}) }", {"a": 3})
    [error] = refusal.value.payload
    assert "money is a string" in error["message"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert context.closed == 1


async def test_an_operation_that_takes_too_long_is_given_up(context: SmallContext) -> None:
    answer = await _execute(context, "{ hello slow }", seconds=SOON)
    [error] = answer["errors"]
    assert answer["data"] is None
    assert error["extensions"] == {"code": "TIMEOUT"}
    assert error["message"] == "The operation took longer than 0.05 s and was given up."
    assert context.laboratory.cleaned_up.is_set()
    assert context.closed == 1


async def test_a_mutation_that_takes_too_long_may_have_happened(context: SmallContext) -> None:
    answer = await _execute(context, "mutation { slow }", seconds=SOON)
    assert "same idempotency key" in answer["errors"][0]["message"]


@pytest.mark.parametrize("field", ["broken", "brokenLater"])
async def test_no_field_runs_on_after_its_context_is_closed(
    context: SmallContext, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    # `pair` is null because of the broken field, at once or later; `slow` beside it is still waiting.
    with capture_logs():
        answer = await _execute(context, f"{{ pair {{ slow {field} }} }}")
    assert answer["data"] == {"pair": None}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert context.laboratory.cleaned_up.is_set()
    assert context.closed == 1
    assert not context.used_after_closing
    gc.collect()
    assert caplog.records == []  # asyncio would say what nobody has waited for


async def test_a_cancelled_operation_cleans_up(context: SmallContext) -> None:
    task = asyncio.create_task(_execute(context, "{ slow }"))
    await context.laboratory.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.laboratory.cleaned_up.is_set()
    assert context.closed == 1


async def test_an_answer_survives_a_context_that_does_not_close(context: SmallContext) -> None:
    context.laboratory.closing_fails = True
    with capture_logs() as logs:
        assert await _execute(context, "{ hello }") == {"data": {"hello": "hello you"}}
    assert [entry["event"] for entry in logs] == ["context could not be closed"]


async def test_a_subscription_answers_each_event(context: SmallContext) -> None:
    answers = await _subscribe(context, "subscription ($to: Int!) { count(to: $to) }", {"to": 3})
    assert answers == [{"data": {"count": number}} for number in (1, 2, 3)]
    assert context.closed == 1


async def test_an_error_in_one_event_is_that_events(context: SmallContext) -> None:
    with capture_logs() as logs:
        answers = await _subscribe(context, "subscription { ticks(to: 3) { number odd } }")
    assert [answer["data"]["ticks"] for answer in answers] == [
        {"number": 1, "odd": "odd"},
        {"number": 2, "odd": None},
        {"number": 3, "odd": "odd"},
    ]
    assert [error["path"] for answer in answers for error in answer.get("errors", ())] == [["ticks", "odd"]]
    assert len(logs) == 1


async def test_an_event_that_takes_too_long_is_given_up_and_the_next_one_comes(context: SmallContext) -> None:
    answers = await _subscribe(context, "subscription { ticks(to: 2) { slow } }", seconds=SOON)
    assert [answer["errors"][0]["extensions"]["code"] for answer in answers] == ["TIMEOUT", "TIMEOUT"]


@pytest.mark.parametrize("field", ["denied", "deniedAtOnce"])
async def test_a_subscription_may_be_denied(context: SmallContext, field: str) -> None:
    with pytest.raises(RequestError) as refusal:
        await _subscribe(context, f"subscription {{ {field} }}")
    assert [error["extensions"]["code"] for error in refusal.value.payload] == ["FORBIDDEN"]
    assert context.closed == 1


async def test_a_subscription_that_breaks_says_so_and_no_more(context: SmallContext) -> None:
    prepared = Documents(schema, Limits()).prepare("subscription { breaks }")
    with capture_logs() as logs:
        async with aclosing(subscribe(schema, prepared, None, context)) as answers:
            assert await anext(answers) == {"data": {"breaks": 1}}
            with pytest.raises(RequestError) as refusal:
                await anext(answers)
    assert refusal.value.errors[0].message.startswith("Something went wrong on our side")
    assert "secret of the stream" in str(logs[0]["exc_info"])
    assert context.closed == 1


async def test_variables_of_a_subscription_must_fit(context: SmallContext) -> None:
    with pytest.raises(RequestError):
        await _subscribe(context, "subscription ($to: Int!) { count(to: $to) }", {"to": "many"})
    assert context.closed == 1


async def test_a_subscription_nobody_wants_any_more_cleans_up(context: SmallContext) -> None:
    prepared = Documents(schema, Limits()).prepare("subscription { forEver }")
    answers = subscribe(schema, prepared, None, context)
    await anext(answers)
    waiting = asyncio.create_task(anext(answers))
    await context.laboratory.started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert context.laboratory.cleaned_up.is_set()
    assert context.closed == 1
