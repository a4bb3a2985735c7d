"""Corporate actions: what operators announce, cancel and see."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.corporate_actions.announce import announce
from app.corporate_actions.cancel import CancelAction, cancel_actions
from app.corporate_actions.check import Announce
from app.corporate_actions.errors import AnnounceError
from app.corporate_actions.reads import actions
from app.corporate_actions.types import ActionKind, CorporateAction, Fractions, Terms
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.money import MAX_UNITS, SCALE, to_text, to_units
from app.kernel.paging import Page, PageOf
from app.ledger.batch import UseCase
from app.ledger.idempotency import idempotency_key
from app.market.types import Instrument
from resolvers import market
from resolvers.context import Context
from resolvers.requests import RequestError, parse_id, parse_key


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action as the API takes it."""

    kind: ActionKind
    symbol: str
    into_symbol: str | None
    new_shares: Decimal | None
    old_shares: Decimal | None
    cash_per_share: Decimal | None
    fractions: Fractions
    price: Decimal | None
    ex_date: date
    pay_date: date | None
    reason: str


async def find(context: Context, action_id: UUID) -> CorporateAction | None:
    """The action, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.corporate_action.load(action_id)


async def actions_page(context: Context, asked: PageOf[UUID]) -> Page[CorporateAction]:
    """The tenant's actions, newest first, for operators."""
    require(context.principal, Action.VIEW_DESK)
    async with context.read() as connection:
        return await actions(connection, context.principal.tenant_id, asked)


async def announce_action(context: Context, request: ActionRequest, key: str) -> CorporateAction:
    """Announce an action. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    instrument = _instrument(context, request.symbol, "symbol")
    into = None if request.into_symbol is None else _instrument(context, request.into_symbol, "intoSymbol")
    terms = Terms(
        _units(request.new_shares, "newShares"),
        _units(request.old_shares, "oldShares"),
        _units(request.cash_per_share, "cashPerShare"),
        request.fractions,
        _units(request.price, "price"),
    )
    command = Announce(
        request.kind,
        instrument,
        terms,
        request.ex_date,
        request.reason,
        context.principal.actor,
        into,
        request.pay_date,
        context.services.simulated,
    )
    asked = {
        "kind": request.kind,
        "instrument": instrument.id,
        "into": None if into is None else into.id,
        "terms": [terms.new_shares, terms.old_shares, terms.cash_per_share, terms.fractions, terms.price],
        "dates": [request.ex_date, request.pay_date],
        "reason": request.reason,
    }
    return await _submit(context, announce, command, key, "announceCorporateAction", asked)


async def cancel_action(context: Context, action_id: str, reason: str, key: str) -> CorporateAction:
    """Cancel an action that has not begun. Raises a ``Refusal``; then nothing has changed."""
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(action_id, "CorporateAction", "actionId")
    if await context.loaders.corporate_action.load(id_) is None:
        message = f"There is no corporate action {action_id} that you can see."
        raise Refusal(RequestError.NOT_FOUND, message, "actionId")
    command = CancelAction(id_, reason, context.principal.actor, context.services.simulated)
    asked = {"action": str(id_), "reason": reason}
    return await _submit(context, cancel_actions, command, key, "cancelCorporateAction", asked)


async def _submit(
    context: Context, use_case: UseCase[Any, UUID], command: object, key: str, operation: str, asked: dict[str, Any]
) -> CorporateAction:
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    id_ = await writer.submit(use_case, command, idempotency)
    await context.renew()
    action = await context.loaders.corporate_action.load(id_)
    assert action is not None, "it was committed just now"
    return action


def _instrument(context: Context, symbol: str, path: str) -> Instrument:
    found = market.by_symbol(context, symbol)
    if found is None:
        message = f"There is no instrument {symbol[:20]!r}; search instruments for its symbol."
        raise Refusal(AnnounceError.INSTRUMENT_UNKNOWN, message, path)
    return found


def _units(value: Decimal | None, path: str) -> int:
    """Nothing is zero; what is named must be more than that."""
    if value is None:
        return 0
    if value <= 0 or value > Decimal(MAX_UNITS).scaleb(-SCALE):
        message = f"It must be more than 0, up to {to_text(MAX_UNITS)}, got {value:.2E}; or leave it out."
        raise Refusal(AnnounceError.TERMS_INVALID, message, path)
    try:
        return to_units(value)
    except ValueError as error:
        raise Refusal(AnnounceError.TERMS_INVALID, f"The value {error}; round it.", path) from None
