"""Transfers that can not have been posted, and figures that are none."""

import asyncio
from collections.abc import Callable

import pytest

from app.ledger.adding_up import Stretch
from app.ledger.chart import USD, Kind, address
from tests.ledger.books import Books
from tests.ledger.tampering import AAPL, audited, replayed, tamper

pytestmark = pytest.mark.asyncio


LINE = "4\t1\t0\t{debit}\t1\t{balance}\t{credit}\t1\t{amount}\t{amount}\n"


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_transfer_of_one_asset_that_becomes_another_is_noticed(log: Books, database_url: str, who: str) -> None:
    """Shares from nowhere: the last deposit of dollars arrives as shares."""
    last, shares = log.customers[2], address(log.customers[2], AAPL, Kind.POSITION)
    cash = address(last, USD, Kind.SETTLED)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET credit_account_id = {shares}, credit_sequence = 1, credit_balance = amount"
        " WHERE position = 9",
        f"UPDATE ledger.account SET balance = 2, sequence = 2 WHERE id = {cash}",
        "INSERT INTO ledger.account (id, journal_id, book_id, asset_id, kind, balance, sequence, may_be_negative)"
        f" VALUES ({shares}, {log.journal.id}, {last}, {AAPL}, {Kind.POSITION:d}, 1, 1, false)",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_customers_account_that_goes_below_zero_is_noticed(log: Books, database_url: str, who: str) -> None:
    """The last deposit becomes a payment out of what is not there, in running balances that follow."""
    cash, bank = address(log.customers[2], USD, Kind.SETTLED), address(log.journal.outside, USD, Kind.FBO)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET debit_account_id = {cash}, debit_sequence = 3, debit_balance = -48,"
        f" credit_account_id = {bank}, credit_sequence = 9, credit_balance = 42, amount = 50 WHERE position = 9",
        f"UPDATE ledger.account SET balance = -48, may_be_negative = true WHERE id = {cash}",
        f"UPDATE ledger.account SET balance = 42 WHERE id = {bank}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


# Asked of the pure part: over COPY, what it raises in the callback is never heard of, and the auditor hangs for good.
@pytest.mark.parametrize("wrong", [{"balance": "NaN"}, {"amount": "NaN"}], ids=str)
async def test_figures_that_are_none_are_a_disagreement(wrong: dict[str, object]) -> None:
    plain: dict[str, object] = {
        "debit": address(2, USD, Kind.FBO),
        "credit": address(3, USD, Kind.SETTLED),
        "balance": "-1.00000000",
        "amount": "1.00000000",
    }
    stretch = Stretch()
    stretch.read(LINE.format(**plain | wrong).encode())
    stretch.read(LINE.format(**plain | wrong).encode())
    assert stretch.disagreement is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("\t1\t", "\t\t", 1),
        lambda line: line.replace("-1.00000000", ""),
        lambda line: line[: line.rindex("\t")] + "\n",
        lambda line: line[:-12],
        lambda line: line[:-1],
        lambda line: line.replace("-1.00000000", "\\N"),
        lambda line: "\n",
    ],
    ids=["no leg", "no balance", "no amount", "cut off", "not ended", "null", "nothing"],
)
async def test_what_is_left_out_of_a_line_does_not_pass(change: Callable[[str], str]) -> None:
    line = LINE.format(
        debit=address(2, USD, Kind.FBO),
        credit=address(3, USD, Kind.SETTLED),
        balance="-1.00000000",
        amount="1.00000000",
    )
    stretch = Stretch()
    stretch.read(line.encode())
    assert stretch.disagreement is None
    stretch.read(change(line).encode())
    assert stretch.disagreement == "past position 4: there is a figure that is none"


@pytest.mark.parametrize("kind", [0, 24, 31])
@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_an_account_of_no_kind_is_a_disagreement(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch, who: str, kind: int
) -> None:
    """In the middle of COPY, too, where whatever raises would leave the auditor waiting for ever."""
    monkeypatch.setattr("app.ledger.reading._AT_A_TIME", 100)
    made_up = address(log.customers[0], USD, Kind.SETTLED) & ~31 | kind
    await tamper(database_url, f"UPDATE ledger.transfer SET credit_account_id = {made_up} WHERE position IN (4, 7)")
    async with asyncio.timeout(10):
        found = await audited(log, again=True) if who == "auditor" else await replayed(log)
    assert found is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_money_from_an_account_below_all_others_is_noticed(log: Books, database_url: str, who: str) -> None:
    """The newest deposit comes out of nowhere; what the bank stands at follows."""
    bank = address(log.journal.outside, USD, Kind.FBO)
    nowhere = -(2**62) + (bank & (1 << 25) - 1)
    await tamper(
        database_url,
        f"UPDATE ledger.transfer SET debit_account_id = {nowhere}, debit_sequence = 1, debit_balance = -1"
        " WHERE position = 9",
        f"UPDATE ledger.account SET balance = balance + 1, sequence = sequence - 1 WHERE id = {bank}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


async def test_a_stretch_without_transfers_adds_up() -> None:
    stretch = Stretch()
    stretch.read(b"")
    assert (stretch.entries, stretch.disagreement) == (0, None)


_WITHOUT_CHECKS = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'ledger.transfer'::regclass AND contype = 'c' LOOP
    EXECUTE format('ALTER TABLE ledger.transfer DROP CONSTRAINT %I', c.conname);
  END LOOP;
END $$
"""


@pytest.mark.parametrize("who", ["auditor", "replay"])
@pytest.mark.parametrize("amount", [0, -1])
async def test_a_transfer_that_moves_nothing_or_backwards_is_noticed(
    log: Books, database_url: str, who: str, amount: int
) -> None:
    """The newest deposit, in running balances that follow."""
    cash, bank = address(log.customers[2], USD, Kind.SETTLED), address(log.journal.outside, USD, Kind.FBO)
    stands = {bank: -8 - amount, cash: 2 + amount}
    await tamper(
        database_url,
        _WITHOUT_CHECKS,
        f"UPDATE ledger.transfer SET amount = {amount}, debit_balance = {stands[bank]},"
        f" credit_balance = {stands[cash]} WHERE position = 9",
        *(f"UPDATE ledger.account SET balance = {balance} WHERE id = {id_}" for id_, balance in stands.items()),
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None


@pytest.mark.parametrize("who", ["auditor", "replay"])
async def test_a_transfer_from_an_account_to_itself_is_noticed(log: Books, database_url: str, who: str) -> None:
    cash, bank = address(log.customers[2], USD, Kind.SETTLED), address(log.journal.outside, USD, Kind.FBO)
    await tamper(
        database_url,
        _WITHOUT_CHECKS,
        f"UPDATE ledger.transfer SET credit_account_id = {bank}, credit_sequence = 10, credit_balance = -8"
        " WHERE position = 9",
        f"UPDATE ledger.account SET balance = -8, sequence = 10 WHERE id = {bank}",
        f"UPDATE ledger.account SET balance = 2, sequence = 2 WHERE id = {cash}",
    )
    assert (await audited(log, again=True) if who == "auditor" else await replayed(log)) is not None
