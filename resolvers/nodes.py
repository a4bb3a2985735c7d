"""Fetching things by their global ids, whatever they are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.identity.policy import Action, may
from app.kernel.errors import Refusal
from app.kernel.paging import MAX_PAGE
from resolvers import (
    accounting,
    accounts,
    cases,
    corporate_actions,
    desk,
    journal,
    manual_journals,
    market,
    orders,
    reconcile,
    risk,
)
from resolvers.context import Context
from resolvers.ids import decode_id
from resolvers.paging import number_key


class NodesError(StrEnum):
    """Why nodes can't be fetched."""

    TOO_MANY = "TOO_MANY"


async def _account(context: Context, key: str) -> Any:
    return await accounts.find(context, UUID(key))


async def _instrument(context: Context, key: str) -> Any:
    return market.by_id(context, number_key(key))


async def _entry(context: Context, key: str) -> Any:
    return await journal.find(context, *journal.entry_key(key))


async def _market_order(context: Context, key: str) -> Any:
    visible = may(context.principal, Action.VIEW_DESK)
    return await desk.find_market_order(context, UUID(key)) if visible else None


async def _case(context: Context, key: str) -> Any:
    return await cases.find(context, UUID(key)) if may(context.principal, Action.VIEW_DESK) else None


async def _daily_close(context: Context, key: str) -> Any:
    visible = may(context.principal, Action.VIEW_DESK)
    return await accounting.find_close(context, UUID(key)) if visible else None


async def _ledger_account(context: Context, key: str) -> Any:
    visible = may(context.principal, Action.VIEW_DESK)
    return await accounting.find_ledger_account(context, number_key(key)) if visible else None


async def _manual_journal(context: Context, key: str) -> Any:
    return await manual_journals.find(context, UUID(key)) if may(context.principal, Action.VIEW_DESK) else None


async def _reconciliation(context: Context, key: str) -> Any:
    return await reconcile.find(context, UUID(key)) if may(context.principal, Action.VIEW_DESK) else None


async def _corporate_action(context: Context, key: str) -> Any:
    visible = may(context.principal, Action.VIEW_DESK)
    return await corporate_actions.find(context, UUID(key)) if visible else None


async def _risk_rule(context: Context, key: str) -> Any:
    return await risk.find(context, UUID(key)) if may(context.principal, Action.VIEW_DESK) else None


async def _order(context: Context, key: str) -> Any:
    return await orders.find(context, UUID(key))


_FINDERS: dict[str, Callable[[Context, str], Awaitable[Any]]] = {
    "Account": _account,
    "Case": _case,
    "DailyClose": _daily_close,
    "CorporateAction": _corporate_action,
    "Instrument": _instrument,
    "JournalEntry": _entry,
    "LedgerAccount": _ledger_account,
    "ManualJournal": _manual_journal,
    "MarketOrder": _market_order,
    "Order": _order,
    "Reconciliation": _reconciliation,
    "RiskRule": _risk_rule,
}


async def nodes(context: Context, ids: Sequence[str]) -> list[Any]:
    """The things with these ids, in order; None for what is not there, or not the caller's to see."""
    if len(ids) > MAX_PAGE:
        raise Refusal(NodesError.TOO_MANY, f"Ask for {MAX_PAGE} ids at most, got {len(ids)}.", "ids")
    return await asyncio.gather(*(_find(context, id_) for id_ in ids))


async def _find(context: Context, global_id: str) -> Any:
    try:
        type_name, key = decode_id(global_id)
        return await _FINDERS[type_name](context, key)
    except (ValueError, KeyError, OverflowError):
        return None
