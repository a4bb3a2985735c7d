"""The general ledger as a CSV that a spreadsheet opens."""

import csv
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Protocol

from app.accounting.general_ledger import LedgerLine
from app.kernel.money import to_text


class _Out(Protocol):
    def write(self, text: str, /) -> Any: ...


COLUMNS: Final = (
    "position",
    "leg",
    "event",
    "account",
    "book",
    "reference",
    "asset",
    "debit",
    "credit",
    "balance",
    "recorded_at",
    "effective_at",
)

#: In the place of an event: up to this position entries are missing.
ARCHIVED: Final = "ARCHIVED"


async def write_csv(
    lines: AsyncIterator[Sequence[LedgerLine]], out: _Out, told: Callable[[int], None], archived: int = 0
) -> int:
    """Write the lines as CSV, saying after each piece how many there are; answers how many there were.

    The first row says up to which position they are ``archived`` and not among them, if any that belong here are.
    No cell holds what people wrote, so none can be a spreadsheet's formula.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    if archived:
        writer.writerow((archived, "", ARCHIVED, *[""] * (len(COLUMNS) - 3)))
    count = 0
    async for piece in lines:
        writer.writerows(map(_cells, piece))
        count += len(piece)
        told(count)
    return count


def _cells(line: LedgerLine) -> tuple[object, ...]:
    return (
        line.key.position,
        line.key.leg,
        line.type.value,
        line.kind.name,
        line.book.value,
        line.reference or "",
        line.asset,
        "" if line.debit is None else to_text(line.debit),
        "" if line.credit is None else to_text(line.credit),
        to_text(line.balance),
        line.recorded_at.isoformat(),
        line.effective_at.isoformat(),
    )
