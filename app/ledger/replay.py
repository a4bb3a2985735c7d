"""Re-derives balances from the log alone and says whether the books agree. Reads one snapshot; changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.infra.database import EngineConnection, one_moment
from app.kernel.errors import Refusal
from app.ledger.adding_up import Stand, Stretch
from app.ledger.chart import accounts_of
from app.ledger.contradictions import (
    books_contradict,
    head_contradicts,
    parts_of,
    rows_contradict,
    snapshots_contradict,
    stray_snapshot,
    units,
)
from app.ledger.reading import read_account, read_stretch


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: how many entries of how many ledger accounts it added up.

    ``disagreement`` names the first thing that is wrong, or is None.
    """

    entries: int
    accounts: int
    disagreement: str | None


class ReplayError(StrEnum):
    """Why nothing was replayed."""

    TOO_LONG = "TOO_LONG"


async def replay(
    connection: EngineConnection,
    journal_id: int,
    book: int | None = None,
    *,
    from_snapshots: bool = False,
    at_most: int | None = None,
) -> Replayed:
    """Add up a journal, or one book of it, from its beginning (``from_snapshots``: from each account's newest one).

    Raises a ``Refusal`` for a book of which more than ``at_most`` entries would have to be added up.
    """
    async with one_moment(connection):
        archived, head = await bounds(connection, journal_id)
        if book is None:
            whole = await read_stretch(connection, journal_id, archived, head)
            before = await stands_at(connection, journal_id, whole.opening, archived)
            disagreement = whole.contradiction(before) or await compare(connection, journal_id, whole)
            return Replayed(whole.entries, len(whole.closing), disagreement)
        after = head if from_snapshots else archived
        if at_most is not None:
            await _check_length(connection, book, after, at_most, from_snapshots)
        return await _replay_book(connection, journal_id, book, after, head)


async def bounds(connection: EngineConnection, journal_id: int) -> tuple[int, int]:
    """The last position that is archived, and the last one there is."""
    row = await connection.fetchrow(
        "SELECT archived, position FROM ledger.journal_head WHERE journal_id = $1", journal_id
    )
    if row is None:
        raise LookupError(f"there is no journal {journal_id}")
    return row["archived"], row["position"]


async def stands_at(
    connection: EngineConnection, journal_id: int, accounts: Iterable[int], position: int
) -> dict[int, Stand]:
    """How accounts stood right after a position, says the log; who had no entry is left out."""
    if position == 0:
        return {}
    found: dict[int, Stand] = {}
    for some in parts_of(accounts):
        rows = await connection.fetch(_STANDS, journal_id, some, position)
        stands = ((account, sequence, units(balance)) for account, sequence, balance in rows)
        found.update((account, (sequence, stood)) for account, sequence, stood in stands if stood is not None)
    return found


async def ends_at(
    connection: EngineConnection, journal_id: int, opening: Mapping[int, tuple[int, int]], position: int
) -> dict[int, int]:
    """The numbers of the last events of books' streams up to a position, up to those that ``opening`` names; of
    which there is none is left out.

    One that is as high was told twice: so a stream that begins anew is seen not to follow.
    """
    books, firsts = list(opening), [sequence for _, sequence in opening.values()]
    rows = await connection.fetch(_ENDS, journal_id, books, firsts, position) if position else []
    return {row["book_id"]: row["sequence"] for row in rows}


async def compare(connection: EngineConnection, journal_id: int, replayed: Stretch) -> str | None:
    """Whether the journal's head and every account's row are what the log adds up to."""
    rows = await connection.fetch(
        "SELECT id FROM ledger.account WHERE journal_id = $1 AND id BETWEEN $2 AND $3",
        journal_id,
        replayed.low,
        replayed.high,
    )
    accounts = [row["id"] for row in rows]
    archived, head = await bounds(connection, journal_id)
    untouched = [account for account in accounts if account not in replayed.closing]
    stands = await stands_at(connection, journal_id, untouched, archived) | replayed.closing
    wrong = await head_contradicts(connection, journal_id)
    wrong = wrong or await rows_contradict(connection, journal_id, stands, accounts)
    wrong = wrong or await stray_snapshot(connection, journal_id, replayed.low, replayed.high)
    if wrong or replayed.story is None:
        return wrong
    wrong = await snapshots_contradict(connection, journal_id, archived, head, replayed.snapshots)
    return wrong or await books_contradict(connection, journal_id, replayed.story.closing)


async def _check_length(
    connection: EngineConnection, book: int, after: int, at_most: int, from_snapshots: bool
) -> None:
    length: int = await connection.fetchval(_LENGTH, book, after)
    if length > at_most:
        instead = "" if from_snapshots else ", or begin with its newest snapshots"
        message = (
            f"{length:,} entries would have to be added up, and {at_most:,} may be while somebody waits. Run"
            f" `wealthgraph replay` with the account's id{instead}."
        )
        raise Refusal(ReplayError.TOO_LONG, message, "accountId")


async def _replay_book(connection: EngineConnection, journal_id: int, book: int, after: int, to: int) -> Replayed:
    """Each account of a book by itself, from where the log or its newest snapshot before ``after`` begins."""
    # While a partition has no statistics, all entries of a book would be looked at to find its accounts, and all of the
    # partition to find an account's.
    await connection.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
    low, high = accounts_of(book)
    whole = Stretch(low, high)
    entries = 0
    for account in await _accounts_in_log(connection, journal_id, low, high):
        snapshot = await connection.fetchrow(_SNAPSHOT, account, after)
        start = 0 if snapshot is None else snapshot["position"]
        found = await read_account(connection, journal_id, account, start, to)
        stood = None if snapshot is None else units(snapshot["balance"])
        before = {} if snapshot is None or stood is None else {account: (snapshot["sequence"], stood)}
        entries += found.entries
        whole.closing |= before | found.closing
        wrong = whole.disagreement or found.contradiction(before)
        whole.disagreement = wrong or await snapshots_contradict(
            connection, journal_id, start, to, found.snapshots, low=account, high=account
        )
    disagreement = whole.disagreement or await compare(connection, journal_id, whole)
    return Replayed(entries, len(whole.closing), disagreement)


async def _accounts_in_log(connection: EngineConnection, journal_id: int, low: int, high: int) -> list[int]:
    return [row[0] for row in await connection.fetch(_ACCOUNTS, journal_id, low, high)]


_STANDS = "SELECT account_id, sequence, balance FROM ledger.balances_at($1, $2, $3) WHERE sequence > 0"
#: By the index of each stream: an event that is told later has a higher number.
_ENDS = """
SELECT o.book_id, last.sequence FROM unnest($2::bigint[], $3::bigint[]) AS o(book_id, sequence), LATERAL (
  SELECT e.sequence FROM ledger.event e
  WHERE e.journal_id = $1 AND e.book_id = o.book_id AND e.sequence <= o.sequence AND e.position <= $4
  ORDER BY e.sequence DESC LIMIT 1) AS last
"""
#: Whatever the rows of accounts say: from each account to the next one, so that its entries are not read for it.
_ACCOUNTS = """
WITH RECURSIVE debits(id) AS (
  SELECT $2::bigint - 1
  UNION ALL
  SELECT (SELECT min(debit_account_id) FROM ledger.transfer
          WHERE journal_id = $1 AND debit_account_id > debits.id AND debit_account_id <= $3)
  FROM debits WHERE debits.id IS NOT NULL),
credits(id) AS (
  SELECT $2::bigint - 1
  UNION ALL
  SELECT (SELECT min(credit_account_id) FROM ledger.transfer
          WHERE journal_id = $1 AND credit_account_id > credits.id AND credit_account_id <= $3)
  FROM credits WHERE credits.id IS NOT NULL)
SELECT id FROM debits WHERE id >= $2 UNION SELECT id FROM credits WHERE id >= $2
UNION SELECT account_id FROM ledger.snapshot WHERE account_id BETWEEN $2 AND $3 ORDER BY 1
"""
_LENGTH = """
SELECT coalesce(sum(a.sequence - coalesce(s.sequence, 0)), 0)::bigint
FROM ledger.account a LEFT JOIN LATERAL (
  SELECT sequence FROM ledger.snapshot WHERE account_id = a.id AND position <= $2 ORDER BY position DESC LIMIT 1
) AS s ON true
WHERE a.book_id = $1
"""
_SNAPSHOT = """
SELECT position, sequence, balance FROM ledger.snapshot WHERE account_id = $1 AND position <= $2
ORDER BY position DESC LIMIT 1
"""
