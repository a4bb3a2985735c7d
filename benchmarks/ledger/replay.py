"""How fast the log is added up again, all of it checked, by one process and by two."""

import asyncio
import resource
import time

from app.replay import replay_journal
from benchmarks.ledger.synthetic import make_up


def run(url: str, entries: int) -> None:
    """Print entries per second (two to a transfer), and per second of CPU of ours."""
    journal, _ = asyncio.run(make_up(url, entries // 2, "Replay"))
    print(f"\nReplay of {entries:,} entries, every balance, sequence, clock and row checked:")
    for processes in (1, 2):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        found = asyncio.run(replay_journal(url, journal.id, processes, lambda *_: None))
        took = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert found.disagreement is None, found.disagreement
        assert found.entries == entries
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"  {processes} process{'es' if processes > 1 else '  '}: {found.entries / took:,.0f} entries/s"
            f" ({found.entries / cpu:,.0f} for each second of CPU beside PostgreSQL's)"
        )
