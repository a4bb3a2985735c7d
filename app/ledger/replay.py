"""Re-derives balances from the log alone and says whether the books agree. Reads one snapshot; changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.infra.database import EngineConnection
from app.kernel.money import to_text, to_units
from app.ledger.adding_up import Stand, Stretch, describe
from app.ledger.chart import accounts_of


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: how many entries of how many ledger accounts it added up.

    ``disagreement`` names the first thing that is wrong, or is None.
    """

    entries: int
    accounts: int
    disagreement: str | None


async def replay(
    connection: EngineConnection, journal_id: int, book: int | None = None, *, from_snapshots: bool = False
) -> Replayed:
    """Add up a journal, or one book of it, from its beginning (``from_snapshots``: from each account's newest one)."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        archived, head = await bounds(connection, journal_id)
        if book is None:
            whole = await read_stretch(connection, journal_id, archived, head)
            before = await stands_at(connection, journal_id, whole.opening, archived)
            whole.disagreement = whole.contradiction(before) or whole.disagreement
            disagreement = whole.disagreement or await clocks_contradict(connection, journal_id, archived, head)
            disagreement = disagreement or await compare(connection, journal_id, whole)
            return Replayed(whole.entries, len(whole.closing), disagreement)
        return await _replay_book(connection, journal_id, book, head if from_snapshots else archived, head)


async def bounds(connection: EngineConnection, journal_id: int) -> tuple[int, int]:
    """The last position that is archived, and the last one there is."""
    row = await connection.fetchrow(
        "SELECT archived, position FROM ledger.journal_head WHERE journal_id = $1", journal_id
    )
    if row is None:
        raise LookupError(f"there is no journal {journal_id}")
    return row["archived"], row["position"]


async def read_stretch(
    connection: EngineConnection,
    journal_id: int,
    after: int,
    to: int,
    account: int | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Stretch:
    """Add up the positions past ``after`` up to ``to``, of one account if one is named.

    ``told`` is called now and then with how many transfers were read since it was called before.
    """
    found = Stretch() if account is None else Stretch(account, account)
    rest = b""

    async def read(data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).rsplit(b"\n", 1)
        if lines:
            found.read(lines[0].decode())
            told(lines[0].count(b"\n") + 1)

    only = "" if account is None else "AND (debit_account_id = $4 OR credit_account_id = $4)"
    arguments = (journal_id, after, to) if account is None else (journal_id, after, to, account)
    await connection.copy_from_query(_LOG.format(only=only), *arguments, output=read)
    return found


async def stands_at(
    connection: EngineConnection, journal_id: int, accounts: Iterable[int], position: int
) -> dict[int, Stand]:
    """How accounts stood right after a position, says the log; who had no entry is left out."""
    if position == 0:
        return {}
    rows = await connection.fetch(
        "SELECT account_id, sequence, balance FROM ledger.balances_at($1, $2, $3) WHERE sequence > 0",
        journal_id,
        list(accounts),
        position,
    )
    return {account: (sequence, to_units(balance)) for account, sequence, balance in rows}


async def clocks_contradict(connection: EngineConnection, journal_id: int, after: int, to: int) -> str | None:
    """The first event past ``after`` that leaves a gap, runs back in time or is marked wrongly as late or on time (its
    transfers are marked as it is); None if there is none."""
    position: int | None = await connection.fetchval(_CLOCKS, journal_id, after, to)
    if position is not None:
        return f"position {position}: it does not follow from the event before it, or was recorded or marked wrongly"
    position = await connection.fetchval(_LATENESS, journal_id, after, to)
    return None if position is None else f"position {position}: its transfers are not marked as it is"


async def compare(connection: EngineConnection, journal_id: int, replayed: Stretch) -> str | None:
    """Whether every account's row, and every book's count of events, is what the log adds up to."""
    rows = await connection.fetch(
        "SELECT id, sequence, balance FROM ledger.account WHERE journal_id = $1 AND id BETWEEN $2 AND $3",
        journal_id,
        replayed.low,
        replayed.high,
    )
    left = dict(replayed.closing)
    untouched = [row["id"] for row in rows if row["id"] not in left]
    left |= await stands_at(connection, journal_id, untouched, (await bounds(connection, journal_id))[0])
    for account, sequence, balance in rows:
        found = left.pop(account, (0, 0))
        if found != (sequence, to_units(balance)):
            return _row_differs(account, (sequence, to_units(balance)), found)
    if left:
        return f"{describe(next(iter(left)))} is in the log but has no row"
    book: int | None = await connection.fetchval(_STREAMS, journal_id, replayed.low >> 25, replayed.high >> 25)
    return None if book is None else f"the events of book {book} are not numbered one by one"


async def rows_contradict(connection: EngineConnection, replayed: Stretch) -> str | None:
    """Whether the rows of the accounts that were added up say the same; to be asked when the log ends there."""
    rows = await connection.fetch(
        "SELECT id, sequence, balance FROM ledger.account WHERE id = ANY ($1)", list(replayed.closing)
    )
    stands = {account: (sequence, to_units(balance)) for account, sequence, balance in rows}
    for account, found in replayed.closing.items():
        if stands.get(account) != found:
            return _row_differs(account, stands.get(account, (0, 0)), found)
    return None


def _row_differs(account: int, row: Stand, found: Stand) -> str:
    return f"{describe(account)} stands at {to_text(row[1])}, the log says {to_text(found[1])}"


async def _replay_book(connection: EngineConnection, journal_id: int, book: int, after: int, to: int) -> Replayed:
    """Each account of a book by itself, from where the log or its newest snapshot before ``after`` begins."""
    low, high = accounts_of(book)
    whole = Stretch(low, high)
    entries = 0
    for account in await _accounts_in_log(connection, journal_id, low, high):
        snapshot = await connection.fetchrow(_SNAPSHOT, account, after)
        start = 0 if snapshot is None else snapshot["position"]
        found = await read_stretch(connection, journal_id, start, to, account)
        before = {} if snapshot is None else {account: (snapshot["sequence"], to_units(snapshot["balance"]))}
        found.disagreement = found.contradiction(before) or found.disagreement
        entries += found.entries
        whole.closing |= before | found.closing
        whole.disagreement = whole.disagreement or found.disagreement
    disagreement = whole.disagreement or await compare(connection, journal_id, whole)
    return Replayed(entries, len(whole.closing), disagreement)


async def _accounts_in_log(connection: EngineConnection, journal_id: int, low: int, high: int) -> list[int]:
    rows = await connection.fetch(
        "SELECT debit_account_id FROM ledger.transfer WHERE journal_id = $1 AND debit_account_id BETWEEN $2 AND $3"
        " UNION SELECT credit_account_id FROM ledger.transfer"
        " WHERE journal_id = $1 AND credit_account_id BETWEEN $2 AND $3"
        " UNION SELECT account_id FROM ledger.snapshot WHERE account_id BETWEEN $2 AND $3 ORDER BY 1",
        journal_id,
        low,
        high,
    )
    return [row[0] for row in rows]


_LOG = """
SELECT position, leg, debit_account_id, debit_sequence, debit_balance,
       credit_account_id, credit_sequence, credit_balance, amount
FROM ledger.transfer WHERE journal_id = $1 AND position > $2 AND position <= $3 {only} ORDER BY position, leg
"""
_SNAPSHOT = """
SELECT position, sequence, balance FROM ledger.snapshot WHERE account_id = $1 AND position <= $2
ORDER BY position DESC LIMIT 1
"""
# What comes before the first of a stretch is looked at too: the event before it, and the latest time until then; the
# journal's head keeps both of what is archived.
_CLOCKS = """
SELECT coalesce(min(position) FILTER (WHERE wrong), CASE WHEN count(*) <> $3::bigint - $2 THEN $2 + count(*) + 1 END)
FROM (
  SELECT position, position <> lag(position, 1, $2) OVER log + 1
      OR recorded_at < lag(recorded_at, 1, before.recorded) OVER log
      OR latest_effective_at <> greatest(max(effective_at) OVER log, before.effective)
      OR lateness <> CASE
        WHEN effective_at >= latest_effective_at THEN 0
        WHEN effective_at >= latest_effective_at - interval '1 minute' THEN 1
        ELSE 2 END AS wrong
  FROM ledger.event, (
    SELECT coalesce((SELECT recorded_at FROM ledger.event WHERE journal_id = $1 AND position = $2),
                    archived_recorded_at) AS recorded,
           coalesce((SELECT latest_effective_at FROM ledger.event WHERE journal_id = $1 AND position = $2),
                    archived_effective_at) AS effective
    FROM ledger.journal_head WHERE journal_id = $1) before
  WHERE journal_id = $1 AND position > $2 AND position <= $3
  WINDOW log AS (ORDER BY position ROWS UNBOUNDED PRECEDING)
) events
"""
# Most events are on time, so their transfers have to be too: only the others are looked for one by one.
_LATENESS = """
SELECT position FROM (
  SELECT DISTINCT position, lateness FROM ledger.transfer
  WHERE journal_id = $1 AND position > $2 AND position <= $3 AND lateness > 0) t
FULL JOIN (
  SELECT position, lateness FROM ledger.event e
  WHERE journal_id = $1 AND position > $2 AND position <= $3 AND lateness > 0
    AND EXISTS (SELECT 1 FROM ledger.transfer t WHERE t.journal_id = $1 AND t.position = e.position)) e
  USING (position, lateness)
WHERE t.position IS NULL OR e.position IS NULL ORDER BY position LIMIT 1
"""
_STREAMS = """
SELECT b.id FROM (
  SELECT book_id, min(sequence) AS low, max(sequence) AS high, count(*) AS events FROM ledger.event
  WHERE journal_id = $1 AND book_id BETWEEN $2 AND $3 GROUP BY book_id) e
JOIN ledger.book b ON b.id = e.book_id
WHERE e.high <> b.sequence OR e.high - e.low + 1 <> e.events ORDER BY b.id LIMIT 1
"""
