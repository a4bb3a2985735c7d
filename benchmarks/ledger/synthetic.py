"""A long history, written straight into the tables: what takes hours to post takes a minute to make up."""

from datetime import UTC, datetime, timedelta

import asyncpg

from app.infra.database import ENGINE_ROLE
from app.kernel.ids import new_id
from app.ledger.books import open_books, open_tenant
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.types import Journal

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
ACCOUNTS = 1_000


async def make_up(url: str, transfers: int, name: str) -> tuple[Journal, list[int]]:
    """A journal of deposits, one each second, to its customers in turn, so that the bank's account is in all of them.
    Each seventh is told three seconds late.

    As it would have been posted: a replay agrees with it. Answers the journal and the ledger accounts: the bank's, then
    the customers'.
    """
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    journal = await open_tenant(connection, name, BEGINNING)
    books = await open_books(connection, journal.id, BookKind.CUSTOMER, [new_id() for _ in range(ACCOUNTS)])
    await connection.close()
    bank = address(journal.outside, USD, Kind.FBO)
    superuser = await asyncpg.connect(url)
    try:
        while await superuser.fetchval("SELECT ledger.add_partition($1)", journal.id) < transfers:
            pass
        await superuser.execute(
            _FILL.format(
                journal=journal.id,
                transfers=transfers,
                accounts=ACCOUNTS,
                book=books[0],
                bank=bank,
                beginning=BEGINNING.isoformat(),
                end=(BEGINNING + timedelta(seconds=transfers)).isoformat(),
            )
        )
        await superuser.execute("VACUUM ANALYZE")
    finally:
        await superuser.close()
    return journal, [bank, *(address(book, USD, Kind.SETTLED) for book in books)]


_FILL = """
INSERT INTO ledger.event (journal_id, version, lateness, position, book_id, sequence, recorded_at, effective_at,
                          latest_effective_at, type, actor, data)
SELECT {journal}, 1, (i % 7 = 0 AND i > 1)::integer, i, {book} + (i - 1) % {accounts}, (i - 1) / {accounts} + 1, at,
       at - (i % 7 = 0)::integer * interval '3 s', at - (i % 7 = 0)::integer * interval '1 s', 'DEPOSIT', 'test', '{{}}'
FROM generate_series(1, {transfers}::bigint) AS i,
  LATERAL (SELECT timestamptz '{beginning}' + i * interval '1 s') AS a(at);
INSERT INTO ledger.transfer (journal_id, leg, lateness, position, debit_account_id, debit_sequence, debit_balance,
                             credit_account_id, credit_sequence, credit_balance, amount)
SELECT {journal}, 1, (i % 7 = 0 AND i > 1)::integer, i, {bank}, i, -i * 1.5,
       (({book} + (i - 1) % {accounts}) << 25) | (1 << 5) | 3, (i - 1) / {accounts} + 1,
       ((i - 1) / {accounts} + 1) * 1.5, 1.5
FROM generate_series(1, {transfers}::bigint) AS i;
INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)
SELECT debit_account_id, {journal}, debit_account_id >> 25, 1, 16, debit_balance, debit_sequence, true
FROM ledger.transfer WHERE journal_id = {journal} AND position = {transfers}
UNION ALL
SELECT credit_account_id, {journal}, credit_account_id >> 25, 1, 3, credit_balance, credit_sequence, false
FROM ledger.transfer WHERE journal_id = {journal} AND position > {transfers} - {accounts};
UPDATE ledger.book b SET sequence = e.sequence
FROM (SELECT book_id, max(sequence) AS sequence FROM ledger.event WHERE journal_id = {journal} GROUP BY 1) e
WHERE b.id = e.book_id;
UPDATE ledger.journal_head SET position = {transfers}, recorded_at = '{end}', effective_at = '{end}'
WHERE journal_id = {journal};
"""
