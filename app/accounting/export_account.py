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
from app.infra.database import EngineConnection, one_moment
from app.ledger.archived import archived_note, archived_position

_ABOUT = """Everything that belongs to one account, as of {at}.

Each file has one JSON object a line. Amounts are decimal text: dollars, or units of the asset.

{files}
{missing}"""


async def export_account(
    connection: EngineConnection,
    account_id: UUID,
    archive: zipfile.ZipFile,
    at: datetime,
    told: Callable[[str, int], None],
    warn: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Write the account into an archive; says and answers how many rows each part has, and warns of what is missing.

    Raises ``LookupError`` for an unknown account, before anything is written.
    """
    rows: dict[str, int] = {}
    async with one_moment(connection):
        found = await connection.fetchrow("SELECT book_id, journal_id FROM account WHERE id = $1", account_id)
        if found is None:
            raise LookupError(f"there is no account {account_id}")
        book, position = found["book_id"], await archived_position(connection, found["journal_id"])
        for part in PARTS:
            rows[part.name] = await _write(connection, archive, part, account_id, book)
            told(part.name, rows[part.name])
    files = "\n".join(f"{name}.jsonl: {count} rows" for name, count in rows.items())
    missing = archived_note(position) if position else ""
    if missing:
        warn(missing)
    about = _ABOUT.format(at=at.isoformat(), files=files, missing=f"\nentries.jsonl: {missing}\n" if missing else "")
    archive.writestr("README.txt", about)
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
