"""Risk rules: what operators set and see."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.clients.types import Account
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.money import MAX_UNITS, SCALE, to_text, to_units
from app.kernel.paging import Page, PageOf
from app.ledger.batch import UseCase
from app.ledger.idempotency import idempotency_key
from app.market.types import Instrument
from app.orders.stop import set_rules
from app.risk.check import SetRule
from app.risk.end import EndRule, Release, end_rules, release
from app.risk.errors import ReleaseError, SetRuleError
from app.risk.reads import rules
from app.risk.types import RiskRule, RuleKind, Scope
from resolvers import market
from resolvers.context import Context
from resolvers.requests import RequestError, account_for, parse_id, parse_key


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """A rule as the API takes it."""

    kind: RuleKind
    reason: str
    account_id: str | None = None
    symbol: str | None = None
    per_account: bool = False
    value: Decimal | None = None
    effective_from: datetime | None = None
    effective_until: datetime | None = None


async def find(context: Context, rule_id: UUID) -> RiskRule | None:
    """The rule, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.risk_rule.load(rule_id)


async def rules_page(context: Context, asked: PageOf[UUID]) -> Page[RiskRule]:
    """The tenant's rules, newest first, for operators."""
    require(context.principal, Action.VIEW_DESK)
    async with context.read() as connection:
        return await rules(connection, context.principal.tenant_id, asked)


async def account(context: Context, rule: RiskRule) -> Account | None:
    """The account that a rule is about."""
    id_ = rule.rule.scope.account_id
    return None if id_ is None else await context.loaders.account.load(id_)


def instrument(context: Context, rule: RiskRule) -> Instrument | None:
    """The instrument that a rule is about."""
    id_ = rule.rule.scope.instrument_id
    return None if id_ is None else market.by_id(context, id_)


def in_force(context: Context, rule: RiskRule) -> bool:
    """Whether the rule holds now."""
    return rule.holds(context.services.market.clock.now())


async def set_rule(context: Context, request: RuleRequest, key: str, operation: str) -> RiskRule:
    """Set a rule. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    scope, book = await _scope(context, request.account_id, request.symbol, SetRuleError.INSTRUMENT_UNKNOWN)
    command = SetRule(
        request.kind,
        request.reason,
        context.principal.actor,
        _units(request.value),
        scope,
        book,
        request.per_account,
        request.effective_from,
        request.effective_until,
    )
    # As text: a number that is far too large is to be refused, not to fail here.
    asked = {name: None if value is None else str(value) for name, value in asdict(request).items()}
    asked |= {"value": str(command.value), "symbol": str(scope.instrument_id)}
    return await _submit(context, set_rules, command, key, operation, asked)


async def end_rule(context: Context, rule_id: str, reason: str, key: str) -> RiskRule:
    """End a rule. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(rule_id, "RiskRule", "ruleId")
    if await context.loaders.risk_rule.load(id_) is None:
        raise Refusal(RequestError.NOT_FOUND, f"There is no rule {rule_id} that you can see.", "ruleId")
    command = EndRule(id_, reason, context.principal.actor)
    return await _submit(context, end_rules, command, key, "endRiskRule", {"rule": str(id_), "reason": reason})


async def release_kill_switch(
    context: Context, account_id: str | None, symbol: str | None, reason: str, key: str
) -> RiskRule:
    """Release a kill switch. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    scope, _ = await _scope(context, account_id, symbol, ReleaseError.INSTRUMENT_UNKNOWN)
    command = Release(scope, reason, context.principal.actor)
    asked = {"account": account_id, "symbol": scope.instrument_id, "reason": reason}
    return await _submit(context, release, command, key, "releaseKillSwitch", asked)


async def _submit(
    context: Context,
    use_case: UseCase[Any, UUID],
    command: object,
    key: str,
    operation: str,
    asked: dict[str, Any],
) -> RiskRule:
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    rule_id = await writer.submit(use_case, command, idempotency)
    context.services.orders.look()
    await context.renew()
    rule = await context.loaders.risk_rule.load(rule_id)
    assert rule is not None, "it was committed just now"
    return rule


async def _scope(
    context: Context, account_id: str | None, symbol: str | None, unknown: SetRuleError | ReleaseError
) -> tuple[Scope, int | None]:
    """The scope named, and the account's book."""
    found = None if account_id is None else await account_for(context, account_id, Action.VIEW_ACCOUNT)
    traded = None if symbol is None else market.by_symbol(context, symbol)
    if symbol is not None and traded is None:
        message = f"There is no instrument {symbol[:20]!r}; search instruments for its symbol."
        raise Refusal(unknown, message, "symbol")
    scope = Scope(None if found is None else found.id, None if traded is None else traded.id)
    return scope, None if found is None else found.book_id


def _units(value: Decimal | None) -> int | None:
    if value is None:
        return None
    if abs(value) > Decimal(MAX_UNITS).scaleb(-SCALE):
        message = f"A value may be up to {to_text(MAX_UNITS)}, got {value:.2E}; name a smaller one."
        raise Refusal(SetRuleError.VALUE_INVALID, message, "value")
    try:
        return to_units(value)
    except ValueError as error:
        raise Refusal(SetRuleError.VALUE_INVALID, f"The value {error}; round it.", "value") from None
