"""Everything that belongs to a customer's account, as a ZIP of JSON lines.

Read in one snapshot and written a row at a time, so that a long history takes no more memory than a short one. Amounts
are decimal text.
"""

import zipfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.accounting.export_parts import PARTS, Part
from app.infra.database import EngineConnection

_ABOUT = """Everything that belongs to one account, as of {at}.

Each file has one JSON object a line. Amounts are decimal text: dollars, or units of the asset.

{files}
"""


async def export_account(
    connection: EngineConnection,
    account_id: UUID,
    archive: zipfile.ZipFile,
    at: datetime,
    told: Callable[[str, int], None],
) -> dict[str, int]:
    """Write the account into an archive; says and answers how many rows each part has.

    Raises ``LookupError`` for an unknown account, before anything is written.
    """
    rows: dict[str, int] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        book = await connection.fetchval("SELECT book_id FROM account WHERE id = $1", account_id)
        if book is None:
            raise LookupError(f"there is no account {account_id}")
        for part in PARTS:
            rows[part.name] = await _write(connection, archive, part, account_id, book)
            told(part.name, rows[part.name])
    files = "\n".join(f"{name}.jsonl: {count} rows" for name, count in rows.items())
    archive.writestr("README.txt", _ABOUT.format(at=at.isoformat(), files=files))
    return rows


async def _write(
    connection: EngineConnection, archive: zipfile.ZipFile, part: Part, account_id: UUID, book: int
) -> int:
    count = 0
    with archive.open(f"{part.name}.jsonl", "w", force_zip64=True) as file:
        async for row in connection.cursor(part.statement, account_id, book, prefetch=1_000):
            file.write(orjson.dumps(_plain(row), default=_text, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


#: What the database hands out as the text of JSON.
_JSON = ("data", "transfers")


def _plain(row: Any) -> dict[str, Any]:
    return {name: orjson.loads(value) if name in _JSON else value for name, value in row.items()}


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, UUID):  # asyncpg's own subclass
        return str(value)
    raise TypeError(f"{type(value).__name__} has no plain form")
