"""What the custodian and the bank say they keep for us: the port to them, and the CSV in which they say it.

One line for each account and asset, under the header ``as_of,account,asset,balance``; ``account`` is CUSTODIAN, FBO
(the bank account for the benefit of customers) or FIRM_BANK, ``asset`` is USD or a symbol. All speak of one moment.
A file speaks for the accounts that it names, and for these it is complete: what has no line is nothing.
"""

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol

from app.accounting.errors import ReconcileError
from app.kernel.errors import Refusal
from app.kernel.money import parse, to_text, to_units
from app.ledger.chart import USD, Kind
from app.ledger.types import Journal

#: The accounts that are kept for us elsewhere.
KEPT_ELSEWHERE: Final = (Kind.CUSTODIAN, Kind.FBO, Kind.FIRM_BANK)
#: The most characters and lines that a file may have.
MAX_SIZE: Final = 5_000_000
MAX_LINES: Final = 50_000
_HEADER: Final = ["as_of", "account", "asset", "balance"]
_MOST: Final = Decimal(10) ** 20


@dataclass(frozen=True, slots=True)
class Statement:
    """What others say they keep for us at the moment ``as_of``: units by account and asset, complete by account."""

    source: str
    as_of: datetime
    accounts: frozenset[Kind]
    balances: Mapping[tuple[Kind, int], int]
    file_hash: str


class CustodianFile(Protocol):
    """Where the daily file comes from."""

    name: str

    async def file(self, journal: Journal, as_of: datetime | None) -> str:
        """The file of that moment of market time, or of now. Raises ``LookupError`` if there is none yet."""
        ...


def written(as_of: datetime, balances: Mapping[tuple[Kind, int], int], codes: Mapping[int, str]) -> str:
    """A file that says so. ``codes`` are the assets' names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    for (kind, asset), units in sorted(balances.items()):
        writer.writerow([as_of.isoformat(), kind.name, codes[asset], to_text(units)])
    return out.getvalue()


def read_statement(text: str, source: str, codes: Mapping[str, int]) -> Statement:
    """What a file says. ``codes`` are the assets by name. Raises a ``Refusal`` that names the line at fault."""
    if len(text) > MAX_SIZE:
        raise _invalid(f"The file has {len(text):,} characters; {MAX_SIZE:,} at most. Split it by account.")
    rows = csv.reader(io.StringIO(text), strict=True)
    as_of: datetime | None = None
    balances: dict[tuple[Kind, int], int] = {}
    try:
        if next(rows, None) != _HEADER:
            raise _invalid(f"The first line must be {','.join(_HEADER)}.")
        for row in rows:
            if rows.line_num > MAX_LINES:
                raise _invalid(f"The file has more than {MAX_LINES:,} lines. Split it by account.")
            if not row:
                continue
            at, kind, asset, units = _line(row, rows.line_num, codes)
            if as_of is not None and at != as_of:
                raise _wrong(rows.line_num, f"{at.isoformat()} is another moment than {as_of.isoformat()}")
            if (kind, asset) in balances:
                raise _wrong(rows.line_num, f"{kind.name} {row[2]} has a line already")
            as_of, balances[kind, asset] = at, units
    except csv.Error as error:
        raise _wrong(rows.line_num, str(error)) from None
    if as_of is None:
        raise _invalid("The file has no line but its header; name an account that keeps nothing with a balance of 0.")
    accounts = frozenset(kind for kind, _ in balances)
    return Statement(source, as_of, accounts, balances, hashlib.sha256(text.encode()).hexdigest())


def _line(row: list[str], number: int, codes: Mapping[str, int]) -> tuple[datetime, Kind, int, int]:
    if len(row) != len(_HEADER):
        raise _wrong(number, f"it has {len(row)} columns instead of {len(_HEADER)}")
    at, account, asset, balance = (cell.strip() for cell in row)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise _wrong(number, f"{at[:40]!r} is no time such as 2026-11-25T21:00:00+00:00") from None
    if moment.tzinfo is None:
        raise _wrong(number, f"{at!r} lacks its offset from UTC")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _wrong(number, f"{at!r} is outside the years 1 to 9999 in UTC") from None
    kind = next((each for each in KEPT_ELSEWHERE if each.name == account), None)
    if kind is None:
        names = ", ".join(each.name for each in KEPT_ELSEWHERE)
        raise _wrong(number, f"{account[:40]!r} is none of {names}")
    if asset not in codes:
        raise _wrong(number, f"{asset[:40]!r} is no asset of ours; add the instrument first")
    if kind is not Kind.CUSTODIAN and codes[asset] != USD:
        raise _wrong(number, f"a bank keeps dollars, not {asset}")
    try:
        value = parse(balance)
        if abs(value) > _MOST:
            raise ValueError(f"{balance[:40]} is too large")
        return moment, kind, codes[asset], to_units(value)
    except ValueError as error:
        raise _wrong(number, str(error)) from None


def _wrong(number: int, what: str) -> Refusal:
    return _invalid(f"Line {number}: {what}.")


def _invalid(message: str) -> Refusal:
    return Refusal(ReconcileError.FILE_INVALID, message, "file")
