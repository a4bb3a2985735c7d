"""What fails while the log is read is heard of, in this process and in others."""

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest

from app.infra.database import one_moment
from app.ledger.adding_up import Stretch
from app.ledger.reader import Reader, ReaderLost, Task
from app.ledger.reading import read_stretch
from app.replay import replay_journal
from tests.ledger.books import Books
from tests.ledger.tampering import replayed

pytestmark = pytest.mark.asyncio


async def test_a_process_that_fails_is_heard_of(log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.replay.PART", 2)
    monkeypatch.setattr("app.replay.Task", lambda *given: replace(Task(*given), moment="00000000-00000000-1"))
    async with asyncio.timeout(20):
        with pytest.raises(ReaderLost, match="has failed"):
            await replay_journal(database_url, log.journal.id, 2, lambda *_: None)


async def test_what_fails_while_the_log_is_read_is_heard_of(log: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ledger.reading._AT_A_TIME", 100)

    def fail(*_: object) -> None:
        raise BrokenPipeError

    async with asyncio.timeout(10):
        with monkeypatch.context() as failing:
            failing.setattr(Stretch, "read", fail)
            with pytest.raises(BrokenPipeError):
                await read_stretch(log.connection, log.journal.id, 0, 9)
        assert await replayed(log) is None, "the connection can be used on"


async def test_who_reads_the_log_can_be_stopped(log: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a part: an auditor that is stopped there must not take it for a failure, and go on."""
    begun = asyncio.Event()

    async def wait(_: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def audit() -> None:
        async with one_moment(log.connection):
            await read_stretch(log.connection, log.journal.id, 0, 9)

    async with asyncio.timeout(10):
        with monkeypatch.context() as slow:
            slow.setattr("app.ledger.reading.asyncio.sleep", wait)
            reading = asyncio.ensure_future(audit())
            await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await replayed(log) is None, "the connection can be used on"


@pytest.mark.parametrize("answer", ["pickle.dumps('x' * 1_000)[:500]", "b''"], ids=["in its answer", "before it"])
async def test_a_process_that_is_killed_is_heard_of(answer: str) -> None:
    say = f"import os, pickle; os.write(1, {answer}); os.kill(os.getpid(), 9)"
    with (
        subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", say], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
        pytest.raises(ReaderLost, match="has failed"),
    ):
        Reader(process).read(0, 1)
