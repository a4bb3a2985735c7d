"""The commands: ``wealthgraph verify``, ``history`` and ``proof-keys`` on a database with two tenants."""

import asyncio
from pathlib import Path

import pytest

from app.kernel.ids import new_id
from app.proof import history
from app.proofs import export_history, public_keys, verify_all
from resolvers.ids import encode_id
from tests.proof.sealed import attacking, check, fill_up, pay_in, written
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_a_log_of_which_nothing_is_published_is_not_said_to_be_signed(database_url: str) -> None:
    said: list[str] = []
    async with running(database_url) as world:
        await world.investor(10)
        assert await verify_all(database_url, world.seals, None, said.append)
    assert said[1:] == ["  No checkpoint is published yet: there is nothing to compare it with."]


async def test_verify_reports_each_tenant(database_url: str) -> None:
    said: list[str] = []
    async with running(database_url) as world, running(database_url) as other:
        other.seals = world.seals
        for each in (world, other):
            await fill_up(each, 1_030)
            await each.seal()
        assert await verify_all(database_url, world.seals, None, said.append)
        assert said == [
            line
            for each in (world, other)
            for line in (
                f"Journal {each.commits.journal.id} of tenant {each.commits.journal.tenant_id}:"
                " 1,030 entries in 1 full blocks, 1 published checkpoints.",
                "  The log is the one that was signed.",
            )
        ]
        async with attacking(database_url) as superuser:
            await superuser.execute(
                "UPDATE ledger.event SET actor = 'x' WHERE position = 7 AND journal_id = $1", other.commits.journal.id
            )
        said.clear()
        assert await verify_all(database_url, world.seals, world.commits.journal.tenant_id, said.append)
        assert not await verify_all(database_url, world.seals, None, said.append)
        assert any("DISAGREEMENT: position 7 in block 0" in line for line in said), said
        with pytest.raises(LookupError, match="there is no tenant"):
            await verify_all(database_url, world.seals, new_id(), said.append)


async def test_a_history_is_exported_and_verified(database_url: str, tmp_path: Path) -> None:
    async with running(database_url) as world:
        ann = await world.investor(10)
        account = encode_id("Account", ann.id)
        lines: list[str] = []
        with pytest.raises(LookupError, match="no checkpoint was published yet"):
            await export_history(database_url, account, lines.append)
        await fill_up(world, 3_000)
        await world.seal()
        await export_history(database_url, account, lines.append)
        keys = await public_keys(database_url, world.seals)
        file = written(tmp_path / "history.jsonl", lines)
        code, said = await asyncio.to_thread(check, "history", file, keys)
        assert (code, f"TRUE: all 2 entries of account {ann.id}" in said) == (0, True), said
        with pytest.raises(LookupError, match="there is no account"):
            await export_history(database_url, encode_id("Account", new_id()), lines.append)
        with pytest.raises(ValueError, match="is not an id"):
            await export_history(database_url, "nonsense", lines.append)


async def test_a_long_history_is_read_in_pieces(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_CHUNK", 3)
    async with running(database_url) as world:
        ann, bob = await world.investor(100), await world.investor(100)
        for _ in range(7):
            await asyncio.gather(*(world.investor(1) for _ in range(3)))
            await pay_in(world, ann)
            await pay_in(world, bob)
        await world.seal()
        lines: list[str] = []
        await export_history(database_url, encode_id("Account", ann.id), lines.append)
        keys = await public_keys(database_url, world.seals)
        code, said = await asyncio.to_thread(check, "history", written(tmp_path / "lines", lines), keys)
        assert (code, "TRUE: all 9 entries" in said) == (0, True), said
