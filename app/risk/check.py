"""What rule may be set: a kind with a value and a scope that suit it, from a day on, for a reason. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.kernel.errors import Refusal
from app.kernel.money import MAX_UNITS, UNIT, to_text
from app.kernel.texts import is_text
from app.risk.errors import SetRuleError
from app.risk.types import TENANT, RuleKind, Scope

MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class SetRule:
    """A rule wanted. ``book`` is the account's, if it is about one account; ``value`` in units of 1e-8.

    Times are market time; without ``effective_from``, or with one that has passed, it holds from its commit on.
    """

    kind: RuleKind
    reason: str
    actor: str
    value: int | None = None
    scope: Scope = TENANT
    book: int | None = None
    per_account: bool = False
    effective_from: datetime | None = None
    effective_until: datetime | None = None


def check(command: SetRule, now: datetime) -> Refusal | None:
    """Why the rule can't be set at that moment of market time, or None."""
    return _scope_refusal(command) or _value_refusal(command) or _dates_refusal(command, now) or _reason(command)


def begins(command: SetRule, now: datetime) -> datetime:
    """From when on it holds."""
    return now if command.effective_from is None else max(command.effective_from, now)


def _scope_refusal(command: SetRule) -> Refusal | None:
    kind, scope = command.kind, command.scope
    if (scope.account_id is not None, scope.instrument_id is not None) not in _SCOPES.get(kind, _ANY):
        about = {_TENANT: "everybody", _ACCOUNT: "an account", _INSTRUMENT: "an instrument", _BOTH: "one in the other"}
        can = ", or ".join(about[each] for each in about if each in _SCOPES[kind])
        return Refusal(SetRuleError.SCOPE_INVALID, f"A rule {kind} can be about {can}; change its scope.", "accountId")
    if command.per_account and (kind not in _COUNTED or scope != TENANT):
        counted = " and ".join(sorted(_COUNTED))
        message = f"Only a rule for everybody that counts ({counted}) can count each account by itself; leave it out."
        return Refusal(SetRuleError.SCOPE_INVALID, message, "perAccount")
    return None


def _value_refusal(command: SetRule) -> Refusal | None:
    kind, value = command.kind, command.value
    if kind not in _VALUES:
        return None if value is None else _value(f"A rule {kind} has no value, got {to_text(value)}; leave it out.")
    if value is None or not 0 < value <= MAX_UNITS:
        got = "" if value is None else f", got {to_text(value)}"
        return _value(
            f"A rule {kind} needs a value, its {_VALUES[kind]}, from more than 0 to {to_text(MAX_UNITS)}{got}."
        )
    if kind is RuleKind.ORDERS_PER_MINUTE and value % UNIT:
        return _value(f"Orders come whole: {to_text(value)} a minute is not a number of them; round it.")
    return None


def _value(message: str) -> Refusal:
    return Refusal(SetRuleError.VALUE_INVALID, message, "value")


def _dates_refusal(command: SetRule, now: datetime) -> Refusal | None:
    for name, time in (("effectiveFrom", command.effective_from), ("effectiveUntil", command.effective_until)):
        if time is not None and (time.tzinfo is None or not 1900 < time.year < 3000):
            message = f"{time} is no moment of this era with its offset from UTC, such as 2026-11-25T15:00:00Z."
            return Refusal(SetRuleError.DATES_INVALID, message, name)
    if command.effective_until is not None and command.effective_until <= begins(command, now):
        return Refusal(
            SetRuleError.DATES_INVALID,
            f"It would end at {command.effective_until.isoformat()}, before it has held; on the market's clock it is "
            f"{now.isoformat()} now.",
            "effectiveUntil",
        )
    return None


def _reason(command: SetRule) -> Refusal | None:
    if is_text(command.reason, MAX_REASON):
        return None
    message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(command.reason)}."
    return Refusal(SetRuleError.REASON_INVALID, message, "reason")


#: What the value of each kind is; the other kinds have none.
_VALUES: Final = {
    RuleKind.STALE_QUOTE: "seconds of market time",
    RuleKind.PRICE_COLLAR: "percent",
    RuleKind.MAX_ORDER_QUANTITY: "units of the instrument",
    RuleKind.MAX_ORDER_VALUE: "dollars",
    RuleKind.ORDERS_PER_MINUTE: "number",
    RuleKind.MAX_DAILY_VALUE: "dollars",
}
_COUNTED: Final = frozenset({RuleKind.ORDERS_PER_MINUTE, RuleKind.MAX_DAILY_VALUE})

#: Whether it names an account, and an instrument.
_TENANT, _ACCOUNT, _INSTRUMENT, _BOTH = (False, False), (True, False), (False, True), (True, True)
_ANY: Final = frozenset({_TENANT, _ACCOUNT, _INSTRUMENT, _BOTH})
_SCOPES: Final = {
    RuleKind.HALTED: frozenset({_INSTRUMENT}),
    RuleKind.RESTRICTED: frozenset({_ACCOUNT, _INSTRUMENT, _BOTH}),
    RuleKind.ORDERS_PER_MINUTE: frozenset({_TENANT, _ACCOUNT}),
    RuleKind.MAX_DAILY_VALUE: frozenset({_TENANT, _ACCOUNT}),
    RuleKind.SETTLED_CASH_ONLY: frozenset({_ACCOUNT}),
}
