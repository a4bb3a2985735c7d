"""Setting and ending risk rules: what operators may ask for, and what becomes of it."""

import datetime
from typing import Annotated, Any

import strawberry

from resolvers import risk as resolve
from schema.errors import answer, codes
from schema.keys import Key
from schema.relay import Info
from schema.risk import RiskRule, RuleKind
from schema.scalars import Decimal

_NO_REASON = "The reason is empty, too long or has characters that can't be shown."
_NO_INSTRUMENT = "There is no instrument of that symbol."

SetRiskRuleErrorCode = codes(
    "SetRiskRuleErrorCode",
    "a rule was not set",
    {
        "VALUE_INVALID": "The kind needs a value, or has none, or the value is out of range.",
        "SCOPE_INVALID": "A rule of this kind can't be about this.",
        "DATES_INVALID": "It would end before it has held, or a time lacks its offset from UTC.",
        "REASON_INVALID": _NO_REASON,
        "ACCOUNT_CLOSED": "The account is closed.",
        "INSTRUMENT_UNKNOWN": _NO_INSTRUMENT,
    },
)
EndRiskRuleErrorCode = codes(
    "EndRiskRuleErrorCode",
    "a rule was not ended",
    {"ALREADY_ENDED": "The rule was ended before.", "REASON_INVALID": _NO_REASON},
)
ReleaseKillSwitchErrorCode = codes(
    "ReleaseKillSwitchErrorCode",
    "a kill switch was not released",
    {
        "NOT_ENGAGED": "No kill switch is engaged for exactly this.",
        "REASON_INVALID": _NO_REASON,
        "INSTRUMENT_UNKNOWN": _NO_INSTRUMENT,
    },
)


@strawberry.type(description="Why a rule was not set.")
class SetRiskRuleError:
    code: Any = strawberry.field(graphql_type=SetRiskRuleErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="Why a rule was not ended.")
class EndRiskRuleError:
    code: Any = strawberry.field(graphql_type=EndRiskRuleErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="Why a kill switch was not released.")
class ReleaseKillSwitchError:
    code: Any = strawberry.field(graphql_type=ReleaseKillSwitchErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class SetRiskRulePayload:
    rule: RiskRule | None = strawberry.field(default=None, description="The new rule.")
    errors: list[SetRiskRuleError] = strawberry.field(description="Why there is none; empty if there is.")


@strawberry.type(description="What became of the request.")
class EndRiskRulePayload:
    rule: RiskRule | None = strawberry.field(default=None, description="The rule, which holds no more.")
    errors: list[EndRiskRuleError] = strawberry.field(description="Why it holds still; empty if it doesn't.")


@strawberry.type(description="What became of the request.")
class ReleaseKillSwitchPayload:
    rule: RiskRule | None = strawberry.field(
        default=None, description="The switch, which stops nothing any more: the last engaged, if there were several."
    )
    errors: list[ReleaseKillSwitchError] = strawberry.field(description="Why it was not released; empty if it was.")


@strawberry.input(description="A rule that orders must keep.")
class RiskRuleInput:
    kind: RuleKind = strawberry.field(description="What it limits.")
    reason: str = strawberry.field(description="Why, in 1 to 500 characters. Customers don't see it.")
    value: Decimal | None = strawberry.field(
        default=None,
        description="Percent for PRICE_COLLAR, seconds of market time for STALE_QUOTE, dollars, units or a number of "
        "orders for the others; none for kinds that refuse outright.",
    )
    account_id: strawberry.ID | None = strawberry.field(default=None, description="Only orders of this account.")
    symbol: str | None = strawberry.field(default=None, description="Only orders of this instrument.")
    per_account: bool = strawberry.field(
        default=False,
        description="Count each account by itself, instead of all together: for ORDERS_PER_MINUTE and MAX_DAILY_VALUE "
        "without an account.",
    )
    effective_from: datetime.datetime | None = strawberry.field(
        default=None, description="From when on, on the market's clock; at once if none is given or it has passed."
    )
    effective_until: datetime.datetime | None = strawberry.field(
        default=None, description="Until when, on the market's clock; without an end if none is given."
    )


@strawberry.input(description="What a kill switch stops: everything, unless an account or an instrument is named.")
class KillSwitchInput:
    reason: str = strawberry.field(description="Why, in 1 to 500 characters. Customers don't see it.")
    account_id: strawberry.ID | None = strawberry.field(default=None, description="Only orders of this account.")
    symbol: str | None = strawberry.field(default=None, description="Only orders of this instrument.")


RuleArgument = Annotated[RiskRuleInput, strawberry.argument(description="The rule.")]
SwitchArgument = Annotated[KillSwitchInput, strawberry.argument(description="The switch.")]
RuleId = Annotated[strawberry.ID, strawberry.argument(description="Which rule.")]
Reason = Annotated[str, strawberry.argument(description="Why, in 1 to 500 characters.")]


async def set_risk_rule(info: Info, input: RuleArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Set a rule."""
    request = resolve.RuleRequest(
        input.kind,
        input.reason,
        input.account_id,
        input.symbol,
        input.per_account,
        input.value,
        input.effective_from,
        input.effective_until,
    )
    return await _set(info, request, idempotency_key, "setRiskRule")


async def engage_kill_switch(info: Info, input: SwitchArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Stop orders: a kill switch is a rule too."""
    request = resolve.RuleRequest(RuleKind.KILL_SWITCH, input.reason, input.account_id, input.symbol)
    return await _set(info, request, idempotency_key, "engageKillSwitch")


async def _set(info: Info, request: resolve.RuleRequest, key: str, operation: str) -> Any:
    async def work() -> dict[str, Any]:
        return {"rule": await resolve.set_rule(info.context, request, key, operation)}

    return await answer(SetRiskRulePayload, SetRiskRuleError, SetRiskRuleErrorCode, work())


async def end_risk_rule(info: Info, rule_id: RuleId, reason: Reason, idempotency_key: Key) -> Any:
    """End a rule."""

    async def work() -> dict[str, Any]:
        return {"rule": await resolve.end_rule(info.context, rule_id, reason, idempotency_key)}

    return await answer(EndRiskRulePayload, EndRiskRuleError, EndRiskRuleErrorCode, work())


async def release_kill_switch(info: Info, input: SwitchArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Let orders through again."""

    async def work() -> dict[str, Any]:
        rule = await resolve.release_kill_switch(
            info.context, input.account_id, input.symbol, input.reason, idempotency_key
        )
        return {"rule": rule}

    return await answer(ReleaseKillSwitchPayload, ReleaseKillSwitchError, ReleaseKillSwitchErrorCode, work())
