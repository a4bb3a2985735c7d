"""Rows as values. Numerics may be decimals (the engine's connection) or units already (the API's)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from app.corporate_actions.types import ActionKind, ActionStatus, CorporateAction, Fractions, Progress, Stage, Terms
from app.kernel.money import to_units


class Row(Protocol):
    """A row whose columns are found by name."""

    def __getitem__(self, name: str, /) -> Any: ...


def action_from(row: Row) -> CorporateAction:
    """A row of ``corporate_action``."""
    id_: UUID = row["id"]
    ex_date: date = row["ex_date"]
    effective_at: datetime = row["effective_at"]
    return CorporateAction(
        id=id_,
        kind=ActionKind(row["kind"]),
        instrument_id=row["instrument_id"],
        into_id=row["into_id"],
        status=ActionStatus(row["status"]),
        terms=Terms(
            units(row["new_shares"]),
            units(row["old_shares"]),
            units(row["cash_per_share"]),
            Fractions(row["fractions"]),
            units(row["price"]),
        ),
        ex_date=ex_date,
        record_date=row["record_date"],
        pay_date=row["pay_date"],
        begins_at=row["begins_at"],
        effective_at=effective_at,
        begun_at=row["begun_at"],
        progress=Progress(
            None if row["stage"] is None else Stage(row["stage"]),
            row["through"],
            row["accounts"],
            units(row["shares_before"]),
            units(row["shares_after"]),
            units(row["cash"]),
            units(row["house_cash"]),
        ),
        reason=row["reason"],
        announced_by=row["announced_by"],
        announced_at=row["announced_at"],
        halt_rule_id=row["halt_rule_id"],
        canceled_by=row["canceled_by"],
        canceled_at=row["canceled_at"],
        cancel_reason=row["cancel_reason"],
        completed_at=row["completed_at"],
    )


def units(value: Decimal | int | None) -> int:
    """A numeric in units of 1e-8; nothing is zero."""
    if value is None:
        return 0
    return to_units(value) if isinstance(value, Decimal) else value
