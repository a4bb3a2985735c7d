"""Rows as values, and values as the database's JSON keeps them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from app.accounting.trial_balance import Total
from app.accounting.types import (
    Break,
    DailyClose,
    JournalKind,
    JournalStatus,
    ManualJournal,
    Missing,
    Reconciliation,
)
from app.kernel.money import parse, to_text, to_units
from app.ledger.chart import Kind
from app.ledger.types import Leg


class Row(Protocol):
    """A row whose columns are found by name."""

    def __getitem__(self, name: str, /) -> Any: ...


def close_from(row: Row) -> DailyClose:
    """A row of ``daily_close``."""
    return DailyClose(
        row["id"],
        row["journal_id"],
        row["business_date"],
        row["ends_at"],
        row["position"],
        row["hash"],
        [Total(each["asset"], _units(each["debit"]), _units(each["credit"])) for each in _loaded(row["totals"])],
        [Missing(each["asset"], _units(each["difference"])) for each in _loaded(row["custody"])],
        row["balanced"],
        row["closed_by"],
        row["closed_at"],
    )


def journal_from(row: Row) -> ManualJournal:
    """A row of ``manual_journal``."""
    return ManualJournal(
        row["id"],
        row["journal_id"],
        JournalKind(row["kind"]),
        JournalStatus(row["status"]),
        row["account_id"],
        row["book_id"],
        row["to_account_id"],
        row["to_book_id"],
        [Leg(each["debit"], each["credit"], _units(each["amount"])) for each in _loaded(row["lines"])],
        row["reverses"],
        row["reason"],
        row["effective_at"],
        row["proposed_by"],
        row["proposed_at"],
        row["expires_at"],
        row["decided_by"],
        row["decided_at"],
        row["decision"],
        row["position"],
    )


def reconciliation_from(row: Row) -> Reconciliation:
    """A row of ``reconciliation``."""
    return Reconciliation(
        row["id"],
        row["journal_id"],
        row["business_date"],
        row["as_of"],
        row["source"],
        row["file_hash"],
        [Kind[name] for name in row["accounts"]],
        row["compared"],
        [
            Break(Kind[each["account"]], each["asset"], _units(each["ours"]), _units(each["theirs"]))
            for each in _loaded(row["breaks"])
        ],
        row["run_by"],
        row["run_at"],
    )


def kept_totals(totals: Sequence[Total]) -> str:
    """Totals as ``daily_close`` keeps them."""
    return _kept(
        [{"asset": each.asset, "debit": to_text(each.debit), "credit": to_text(each.credit)} for each in totals]
    )


def kept_missing(missing: Sequence[Missing]) -> str:
    """Missing shares as ``daily_close`` keeps them."""
    return _kept([{"asset": each.asset, "difference": to_text(each.difference)} for each in missing])


def figures_hash(totals: Sequence[Total], missing: Sequence[Missing]) -> str:
    """SHA-256 of what a close says beside its trial balance, as the log tells it."""
    return hashlib.sha256(f"{kept_totals(totals)}\n{kept_missing(missing)}".encode()).hexdigest()


def kept_lines(lines: Sequence[Leg]) -> str:
    """Lines as ``manual_journal`` keeps them."""
    return _kept([{"debit": each.debit, "credit": each.credit, "amount": to_text(each.amount)} for each in lines])


def kept_breaks(breaks: Sequence[Break]) -> str:
    """Breaks as ``reconciliation`` keeps them."""
    return _kept(
        [
            {
                "account": each.account.name,
                "asset": each.asset,
                "ours": to_text(each.ours),
                "theirs": to_text(each.theirs),
            }
            for each in breaks
        ]
    )


def _kept(values: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(values).decode()


def _loaded(kept: Any) -> Any:
    return orjson.loads(kept) if isinstance(kept, str) else kept


def _units(text: str) -> int:
    return to_units(parse(text))
