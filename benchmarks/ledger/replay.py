"""How fast the log is added up again, all of it checked, by one process and by two."""

import asyncio
import resource
import time

from app.infra.embedded import Server
from app.replay import replay_journal
from benchmarks.cpu import server_cpu
from benchmarks.ledger.synthetic import make_up


def run(server: Server, url: str, entries: int) -> None:
    """Print entries (two to a transfer) per second, and per second of all CPU: ours and PostgreSQL's."""
    journal, _ = asyncio.run(make_up(url, entries // 2, "Replay"))
    print(f"\nReplay of {entries:,} entries, every balance, sequence, clock and row checked:")
    for processes in (1, 2):
        ours, theirs, started = _our_cpu(), server_cpu(server), time.perf_counter()
        found = asyncio.run(replay_journal(url, journal.id, processes, lambda *_: None))
        took, ours, theirs = time.perf_counter() - started, _our_cpu() - ours, server_cpu(server) - theirs
        assert found.disagreement is None, found.disagreement
        assert found.entries == entries
        each = 1e6 / (found.entries / 2)
        print(
            f"  {processes} process{'es' if processes > 1 else '  '}: {found.entries / took:,.0f} entries/s;"
            f" {found.entries / (ours + theirs):,.0f} for each second of CPU"
            f" (a transfer takes {ours * each:.2f} µs of ours and {theirs * each:.2f} of PostgreSQL's)"
        )


def _our_cpu() -> float:
    """Of this process and those that it had work."""
    told = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in told)
